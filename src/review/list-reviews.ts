import type { Caller } from '../domain/caller.ts'
import type { ReviewId } from '../domain/ids.ts'
import type { Review } from '../domain/review.ts'
import { type ReviewView, viewReview } from '../domain/view.ts'
import { observe } from '../guards/admit.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'

export interface ReviewPage {
  readonly items: readonly ReviewView[]
  /** Give it as `after` to go on; absent on the last page. */
  readonly next?: ReviewId
}

/**
 * Reviews of the tenant in one state, oldest first.
 *
 * @throws {VaultError} role.not-allowed - refused, on record
 */
export async function listReviews(
  vault: Vault,
  caller: Caller,
  input: { readonly state: Review['state']; readonly after?: ReviewId; readonly limit: number },
): Promise<ReviewPage> {
  const tenant = tenantOf(vault, caller)
  await observe(vault, caller, { action: 'review.list', resource: { known: true } })
  const page = { limit: input.limit + 1, ...(input.after === undefined ? {} : { after: input.after }) }
  const found = await vault.ledger.listReviews(tenant.id, input.state, page)
  const items = found.slice(0, input.limit)
  const last = found.length > input.limit ? items.at(-1) : undefined
  const nowMs = vault.clock.nowMs()
  return { items: items.map(review => viewReview(review, nowMs)), ...(last ? { next: last.id } : {}) }
}
