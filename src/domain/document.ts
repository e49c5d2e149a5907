import type { DocumentId, MessageId, PersonId, PurgeRunId, SubjectId, TenantId } from './ids.ts'
import type { MediaKind, PaperType } from './media.ts'

interface DocumentCore {
  readonly id: DocumentId
  readonly tenant: TenantId
  readonly subject: SubjectId
  readonly type: PaperType
  /** The tenant's finer name of the paper, such as `passport`. */
  readonly kind: string
  /** Version of the tenant's policy it was collected under. */
  readonly policyVersion: number
  readonly depositedBy: PersonId
  readonly createdAtMs: number
  /** Counts every change, from 1. */
  readonly version: number
}

/** Names the key row `doc/<messageId>` and the blob of one attempt to store. */
interface Attempt {
  readonly messageId: MessageId
  readonly blobKey: string
  readonly media: MediaKind
  /** base64url keyed hash of the upload's SHA-256, bound to tenant and subject: finds a repeated file. */
  readonly uploadMac: string
}

/** Invisible to every read; the sweep abandons it after its deadline. */
export interface DepositingDocument extends DocumentCore, Attempt {
  readonly state: 'depositing'
  readonly deadlineMs: number
  /** The idempotency answer that is opened with it; the sweep forgets it together with the row. */
  readonly answerKey: string
}

/** What is needed to open the body again (see guards/seal.ts). */
export interface Sealed {
  readonly fmt: 1
  readonly plaintextBytes: number
  readonly frameBytes: number
  /** base64, 32 bytes. */
  readonly commitKey: string
  /** base64, SHA-256 of the stored body. */
  readonly bodySha256: string
}

/** A paper that is there for its readers, from the last commit of its deposit on. */
export interface StoredDocument extends DocumentCore, Attempt, Sealed {
  readonly state: 'stored'
  readonly storedAtMs: number
  readonly pixels?: { readonly width: number; readonly height: number }
  readonly pages?: number
  /** Where the storing entry stands. */
  readonly trail: { readonly log: string; readonly index: number }
}

/** No read reaches it any more; key and body are being destroyed. */
export interface PurgingDocument extends Omit<StoredDocument, 'state'> {
  readonly state: 'purging'
  readonly purgingSinceMs: number
  readonly purge: PurgeDecision
  /** How often its destruction was tried and failed; a document that reached the cap is left for a person to look at. */
  readonly attempts: number
}

/** On what a document was given up: kept until the tombstone is written. */
export interface PurgeDecision {
  /** `lapse` its time ran out · `erasure` two people decided before its time. */
  readonly kind: 'lapse' | 'erasure'
  /** `<ground>:<legal basis>` of a lapse, the code of the reason of an erasure. */
  readonly basis: string
  readonly closedAtMs?: number
  readonly run?: PurgeRunId
  /** Of a lapse: the day on which it became due, and the version of the policy whose rule decided. */
  readonly dueOn?: string
  readonly policyVersion?: number
  /** Of an erasure: the two who decided it. */
  readonly decidedBy?: readonly PersonId[]
  /** Which wrapping key its data key lay under when its destruction began; afterwards nobody can tell. */
  readonly epoch?: string
}

/** The tombstone: no media, no size, no key, no reference; of people only staff and services, by the ids of the trail. */
export interface PurgedDocument {
  readonly state: 'purged'
  readonly id: DocumentId
  readonly tenant: TenantId
  readonly subject: SubjectId
  readonly type: PaperType
  readonly policyVersion: number
  readonly storedAtMs: number
  readonly closedAtMs?: number
  readonly purgedAtMs: number
  readonly basis: string
  /** Absent in tombstones that were written before it was kept: they are nobody's own. */
  readonly depositedBy?: PersonId
  /** Of an erasure: the two who decided it. */
  readonly decidedBy?: readonly PersonId[]
  readonly certificate: { readonly log: string; readonly index: number }
  readonly version: number
}

/** A row whose attempt failed or ran out of time; key and blob are deleted after it got here, then the row itself. */
export interface AbandonedDocument extends DocumentCore, Attempt {
  readonly state: 'abandoned'
  readonly abandonedAtMs: number
}

/** A paper in any state of its life; `documentMoves` says which state follows which. */
export type Document = DepositingDocument | StoredDocument | PurgingDocument | PurgedDocument | AbandonedDocument
export type DocumentState = Document['state']

/** The legal moves; anything else is a defect of the caller. */
export const documentMoves: Readonly<Record<DocumentState, readonly DocumentState[]>> = {
  depositing: ['stored', 'abandoned'],
  stored: ['purging'],
  // To itself: an attempt that failed is counted.
  purging: ['purging', 'purged'],
  // To itself: its certificate is written anew when the entry was lost with a restored backup.
  purged: ['purged'],
  abandoned: [],
}

/** Whether it is this person's own: they brought it in, or are one of the two who decided its erasure. Its end changes nothing. */
export function isOwnOf(document: Document, person: PersonId): boolean {
  return document.depositedBy === person || decidersOf(document).includes(person)
}

function decidersOf(document: Document): readonly PersonId[] {
  if (document.state === 'purged') return document.decidedBy ?? []
  return document.state === 'purging' ? (document.purge.decidedBy ?? []) : []
}

/** `v1/<first byte hex>/<messageId hex>`: no tenant and no subject in paths. */
export function blobKeyOf(messageId: MessageId): string {
  return `v1/${messageId.slice(0, 2)}/${messageId}`
}

/** The id of a document's wrapped key in its own store. */
export function wrappedKeyId(messageId: MessageId): string {
  return `doc/${messageId}`
}
