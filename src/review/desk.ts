import type { PersonId, ReviewId, TenantId } from '../domain/ids.ts'
import type { Desk } from '../domain/review.ts'
import type { Vault } from '../guards/vault.ts'
import type { Change } from '../ports/ledger.ts'

/** The person's desk without what has expired; an empty one when there is none yet. */
export async function deskOf(vault: Vault, tenant: TenantId, person: PersonId): Promise<Desk> {
  const desk = (await vault.ledger.findDesk(tenant, person)) ?? { tenant, person, open: [], version: 0 }
  const nowMs = vault.clock.nowMs()
  return { ...desk, open: desk.open.filter(item => item.expiresAtMs > nowMs) }
}

/** The desk with one more review on it. */
export function putOnDesk(desk: Desk, review: ReviewId, expiresAtMs: number): Change {
  const open = [...desk.open.filter(item => item.review !== review), { review, expiresAtMs }]
  return { row: 'desk', expected: desk.version, put: { ...desk, open, version: desk.version + 1 } }
}

/** The desk without this review. */
export function takeOffDesk(desk: Desk, review: ReviewId): Change {
  const open = desk.open.filter(item => item.review !== review)
  return { row: 'desk', expected: desk.version, put: { ...desk, open, version: desk.version + 1 } }
}
