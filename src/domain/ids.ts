/**
 * Branded identifiers. A brand is given by a parser in this file and nowhere else; everything below the doors
 * trusts it.
 */
declare const brand: unique symbol
type Branded<Text extends string, Name extends string> = Text & { readonly [brand]: Name }

/** A platform, `[a-z0-9-]{1,32}`; the name of a file in the tenants folder. */
export type TenantId = Branded<string, 'TenantId'>
/** UUIDv7, lower case. */
export type DocumentId = Branded<string, 'DocumentId'>
/** Random UUIDv4 the vault assigns to a platform's reference: the only name of a person in trail, keys and tombstones. */
export type SubjectId = Branded<string, 'SubjectId'>
/** The platform's own name for a person, `[A-Za-z0-9_-]{1,64}`; lies only in the ledger. */
export type SubjectReference = Branded<string, 'SubjectReference'>
/** UUIDv7, lower case. */
export type ReviewId = Branded<string, 'ReviewId'>
/** UUIDv7, lower case. */
export type PurgeRunId = Branded<string, 'PurgeRunId'>
/** UUIDv7, lower case. */
export type ApprovalId = Branded<string, 'ApprovalId'>
/** `<subject id>.<number of the hold>`. */
export type HoldId = Branded<string, 'HoldId'>
/**
 * Who a key or token belongs to, `[A-Za-z0-9._:-]{1,64}`, opaque; every key of a person carries the same one. `event` is nobody's
 * name: it marks the holds that events of the platform begin and end. Nor is `vault-…`: so the vault's own jobs are called.
 */
export type PersonId = Branded<string, 'PersonId'>
/** 64 lower-case hex digits: 32 random bytes, new for every attempt to store. */
export type MessageId = Branded<string, 'MessageId'>
/** A case, ticket or other reference, `[A-Za-z0-9._:/-]{1,64}`. */
export type CaseReference = Branded<string, 'CaseReference'>

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** Each pattern is anchored and has no nested quantifier, so matching is linear in the input. */
export const idPatterns = {
  tenant: /^[a-z0-9-]{1,32}$/,
  uuid,
  subjectReference: /^[A-Za-z0-9_-]{1,64}$/,
  person: /^(?!event$|vault-)[A-Za-z0-9._:-]{1,64}$/,
  messageId: /^[0-9a-f]{64}$/,
  hold: /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.[1-9][0-9]?$/,
  caseReference: /^[A-Za-z0-9._:/-]{1,64}$/,
} as const

function parser<Id extends string>(pattern: RegExp): (text: string) => Id | undefined {
  return text => (pattern.test(text) ? (text as Id) : undefined)
}

/** Each parser answers `undefined` for text that does not match its pattern. */
export const parseTenantId = parser<TenantId>(idPatterns.tenant)
export const parseDocumentId = parser<DocumentId>(idPatterns.uuid)
export const parseSubjectId = parser<SubjectId>(idPatterns.uuid)
export const parseSubjectReference = parser<SubjectReference>(idPatterns.subjectReference)
export const parseReviewId = parser<ReviewId>(idPatterns.uuid)
export const parsePersonId = parser<PersonId>(idPatterns.person)
export const parseMessageId = parser<MessageId>(idPatterns.messageId)
export const parseCaseReference = parser<CaseReference>(idPatterns.caseReference)
export const parsePurgeRunId = parser<PurgeRunId>(idPatterns.uuid)
export const parseApprovalId = parser<ApprovalId>(idPatterns.uuid)
export const parseHoldId = parser<HoldId>(idPatterns.hold)

/** The subject that a hold's id names, and the hold's number among theirs. */
export function holdIdParts(id: HoldId): { readonly subject: SubjectId; readonly n: number } {
  const at = id.lastIndexOf('.')
  return { subject: id.slice(0, at) as SubjectId, n: Number(id.slice(at + 1)) }
}
