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
  readonly decision?: {
    readonly by: PersonId
    readonly atMs: number
    readonly reasons: readonly ReviewReason[]
    readonly trail: { readonly log: string; readonly index: number }
  }
  readonly version: number
}

/** What a person has open: the cap on assignments is a condition of the write to this row. */
export interface Desk {
  readonly tenant: TenantId
  readonly person: PersonId
  readonly open: readonly { readonly review: ReviewId; readonly expiresAtMs: number }[]
  readonly version: number
}

/** Reason codes of a decision, a closed list: free text about a person has no place here. */
export const approvalReasons = ['matches-subject', 'verified-with-issuer'] as const
export const rejectionReasons = [
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

/** True while `person` holds the review: pending, assigned to them, and not expired. */
export function isAssigned(review: Review | undefined, person: PersonId, nowMs: number): boolean {
  return review?.state === 'pending' && review.assignment?.person === person && review.assignment.expiresAtMs > nowMs
}
