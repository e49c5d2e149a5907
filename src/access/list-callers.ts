import type { Caller } from '../domain/caller.ts'
import { type CallerView, viewCaller } from '../domain/view.ts'
import { observe } from '../guards/admit.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'

export interface CallerPage {
  readonly items: readonly CallerView[]
  /** Give it as `after` to go on; absent on the last page. */
  readonly next?: string
}

/**
 * The API keys of the caller's tenant, revoked ones included, ascending by key id; never a secret.
 *
 * @throws {VaultError} role.not-allowed - refused, on record
 */
export async function listCallers(
  vault: Vault,
  caller: Caller,
  input: { readonly after?: string; readonly limit: number },
): Promise<CallerPage> {
  const tenant = tenantOf(vault, caller)
  await observe(vault, caller, { action: 'caller.read', resource: { known: true } })
  const page = { limit: input.limit + 1, ...(input.after === undefined ? {} : { after: input.after }) }
  const found = await vault.ledger.listApiKeys(tenant.id, page)
  const items = found.slice(0, input.limit)
  const last = found.length > input.limit ? items.at(-1) : undefined
  return { items: items.map(viewCaller), ...(last ? { next: last.keyId } : {}) }
}
