import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { PersonId, ReviewId } from '../domain/ids.ts'
import { isAssigned, type Review } from '../domain/review.ts'
import { type ReviewView, viewReview } from '../domain/view.ts'
import { admit, close, codeOf, type Refusal } from '../guards/admit.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'
import { deskOf, takeOffDesk } from './desk.ts'

const mostTries = 5

/**
 * Ends the caller's own assignment; the review is pending for everyone again, and the right to the original is gone.
 *
 * @throws {VaultError} review.unknown - this tenant has no such review
 * @throws {VaultError} review.final - it is decided
 * @throws {VaultError} review.not-yours - the caller does not hold it
 */
export async function giveBackReview(
  vault: Vault,
  caller: Caller,
  { id }: { readonly id: ReviewId },
): Promise<ReviewView> {
  const tenant = tenantOf(vault, caller)
  const review = await vault.ledger.findReview(tenant.id, id)
  const { grant } = await admit(vault, caller, {
    action: 'review.assign',
    resource: { known: review !== undefined, unknownCode: 'review.unknown' },
    ...(review ? { document: review.document, subject: review.subject } : {}),
    detail: { take: false },
    refuse: () => refuseGivingBack(review, caller.id, vault.clock.nowMs()),
  })
  try {
    for (let tries = 0; tries < mostTries; tries++) {
      const current = await vault.ledger.findReview(tenant.id, id)
      const nowMs = vault.clock.nowMs()
      const refusal = refuseGivingBack(current, caller.id, nowMs)
      if (refusal) throw new VaultError(refusal.code)
      if (!current) break
      const { assignment: _, ...rest } = current
      const free: Review = { ...rest, version: current.version + 1 }
      const committed = await vault.ledger.commit(grant, [
        { row: 'review', expected: current.version, put: free },
        takeOffDesk(await deskOf(vault, tenant.id, caller.id), id),
      ])
      if (!committed.done) continue
      await close(vault, grant, { out: 'done' })
      return viewReview(free, nowMs)
    }
    throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}

function refuseGivingBack(review: Review | undefined, person: PersonId, nowMs: number): Refusal | undefined {
  if (!review) return { code: 'review.unknown' }
  if (review.state !== 'pending') return { code: 'review.final' }
  return isAssigned(review, person, nowMs) ? undefined : { code: 'review.not-yours' }
}
