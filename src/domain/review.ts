import type { DocumentId, PersonId, ReviewId, SubjectId, TenantId } from './ids.ts'

/** One review for each stored document; it is born with the document. */
export interface Review {
  readonly id: ReviewId
  readonly tenant: TenantId
  readonly document: DocumentId
  readonly subject: SubjectId
  readonly state: 'pending' | 'approved' | 'rejected'
  readonly createdAtMs: number
  readonly assignment?: { readonly person: PersonId; readonly expiresAtMs: number }
  readonly decision?: Decision
  /** The decision that the last one took the place of; those before it stand in the trail alone. */
  readonly overridden?: Decision & { readonly state: 'approved' | 'rejected' }
  readonly version: number
}

/** What one person, or two in place of an earlier decision, made of a paper. */
interface Decision {
  readonly by: PersonId
  /** The second person, of a decision that took the place of another. */
  readonly second?: PersonId
  readonly atMs: number
  readonly reasons: readonly ReviewReason[]
  readonly trail: { readonly log: string; readonly index: number }
}

/** What a person has open: the cap on assignments is a condition of the write to this row. */
export interface Desk {
  readonly tenant: TenantId
  readonly person: PersonId
  readonly open: readonly { readonly review: ReviewId; readonly expiresAtMs: number }[]
  readonly version: number
}

/** Reason codes of a decision, a closed list: free text about a person has no place here. */
const approvalReasons = ['matches-subject', 'verified-with-issuer'] as const
const rejectionReasons = [
  'unreadable',
  'cut-off',
  'expired',
  'wrong-paper',
  'does-not-match-subject',
  'tampered',
  'not-a-document',
] as const
/** Both lists together. */
export const reviewReasons = [...approvalReasons, ...rejectionReasons] as const
export type ReviewReason = (typeof reviewReasons)[number]

/** Whether there are reasons, and all of them belong to the decision. */
export function fitsDecision(decision: 'approve' | 'reject', reasons: readonly ReviewReason[]): boolean {
  return reasons.length > 0 && reasons.every(reason => reasonsFor(decision).includes(reason))
}

/** The list that belongs to a decision. */
export function reasonsFor(decision: 'approve' | 'reject'): readonly ReviewReason[] {
  return decision === 'approve' ? approvalReasons : rejectionReasons
}

/** True while `person` holds the review: pending, assigned to them, and not expired. */
export function isAssigned(review: Review | undefined, person: PersonId, nowMs: number): boolean {
  return review?.state === 'pending' && review.assignment?.person === person && review.assignment.expiresAtMs > nowMs
}
