import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { PersonId, ReviewId } from '../domain/ids.ts'
import { limits } from '../domain/media.ts'
import type { Desk, Review } from '../domain/review.ts'
import { type ReviewView, viewReview } from '../domain/view.ts'
import { admit, close, codeOf, type Refusal } from '../guards/admit.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'
import { deskOf, putOnDesk } from './desk.ts'

const mostTries = 5

/**
 * Assigns a pending review to the caller for eight hours. Taking one that the caller holds already renews it.
 *
 * @throws {VaultError} review.unknown - this tenant has no such review
 * @throws {VaultError} review.final - it is decided
 * @throws {VaultError} review.taken - another person holds it
 * @throws {VaultError} review.too-many - the caller holds as many as one person may
 */
export async function takeReview(vault: Vault, caller: Caller, { id }: { readonly id: ReviewId }): Promise<ReviewView> {
  const tenant = tenantOf(vault, caller)
  const [review, desk] = await Promise.all([
    vault.ledger.findReview(tenant.id, id),
    deskOf(vault, tenant.id, caller.id),
  ])
  const { grant } = await admit(vault, caller, {
    action: 'review.assign',
    resource: { known: review !== undefined, unknownCode: 'review.unknown' },
    ...(review ? { document: review.document, subject: review.subject } : {}),
    detail: { take: true },
    refuse: () => refuseTaking(review, desk, caller.id, vault.clock.nowMs()),
  })
  try {
    for (let tries = 0; tries < mostTries; tries++) {
      const current = await vault.ledger.findReview(tenant.id, id)
      const ownDesk = await deskOf(vault, tenant.id, caller.id)
      const nowMs = vault.clock.nowMs()
      const refusal = refuseTaking(current, ownDesk, caller.id, nowMs)
      if (refusal) throw new VaultError(refusal.code, refusal.facts)
      if (!current) break
      const expiresAtMs = nowMs + limits.review.assignmentMs
      const taken: Review = {
        ...current,
        assignment: { person: caller.id, expiresAtMs },
        version: current.version + 1,
      }
      const committed = await vault.ledger.commit(grant, [
        { row: 'review', expected: current.version, put: taken },
        putOnDesk(ownDesk, id, expiresAtMs),
      ])
      if (!committed.done) continue
      await close(vault, grant, { out: 'done' })
      return viewReview(taken, nowMs)
    }
    throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}

function refuseTaking(review: Review | undefined, desk: Desk, person: PersonId, nowMs: number): Refusal | undefined {
  if (!review) return { code: 'review.unknown' }
  if (review.state !== 'pending') return { code: 'review.final' }
  const held = review.assignment !== undefined && review.assignment.expiresAtMs > nowMs
  if (held && review.assignment?.person !== person) return { code: 'review.taken' }
  const others = desk.open.filter(item => item.review !== review.id).length
  const limit = limits.review.openPerPerson
  return others >= limit ? { code: 'review.too-many', facts: { limit } } : undefined
}
