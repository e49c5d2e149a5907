import type { CaseReference, DocumentId, PersonId } from './ids.ts'

/** Why a paper may be kept from destruction; each tenant names those that it promised. */
export const holdKinds = ['dispute', 'withdrawal', 'legal_order'] as const
export type HoldKind = (typeof holdKinds)[number]

/** At most this many holds of one subject, ended ones included, so that its row stays small. */
export const maxHolds = 64
/** Of these the platform's events take so many at most: however many disputes there were, an order of the law finds room. */
export const maxEventHolds = 48

/**
 * One case that keeps a subject's papers, or one of them. It lies in the subject's row, so that every change of a hold bumps
 * the version that a purge is decided on. It ends only by an event of the platform or by a decision of two people, never by
 * the passing of time.
 */
export interface Hold {
  /** Its place among the subject's holds, from 1; with the subject it makes the id. */
  readonly n: number
  readonly kind: HoldKind
  readonly case: CaseReference
  /** Only this paper; absent for all of the subject's. */
  readonly document?: DocumentId
  /** `event` for a hold of the platform's events, which alone begin and end it anew; otherwise who placed it first. */
  readonly placedBy: PersonId | 'event'
  readonly placedAtMs: number
  /** The latest time at which it is told to have begun and to have ended; events may bring either first. */
  readonly beganAtMs?: number
  readonly endedAtMs?: number
  /** The two people who released it last, where people did. */
  readonly releasedBy?: readonly PersonId[]
}

/** In force: begun, and not ended later. A beginning and an end at one instant hold. */
export function isInForce({ beganAtMs, endedAtMs }: Pick<Hold, 'beganAtMs' | 'endedAtMs'>): boolean {
  return beganAtMs !== undefined && (endedAtMs === undefined || endedAtMs <= beganAtMs)
}

/** Whether a hold keeps this paper now. */
export function holdsDocument(hold: Hold, document: DocumentId): boolean {
  return isInForce(hold) && (hold.document === undefined || hold.document === document)
}

/** The same case of the same kind about the same thing: one hold, told of again by the same side. */
export function isSameCase(
  hold: Pick<Hold, 'kind' | 'case' | 'document'>,
  other: Pick<Hold, 'kind' | 'case' | 'document'>,
): boolean {
  return hold.kind === other.kind && hold.case === other.case && hold.document === other.document
}
