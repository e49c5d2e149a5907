import type { Caller } from '../domain/caller.ts'
import type { PersonId, TenantId } from '../domain/ids.ts'
import type { Vault } from '../guards/vault.ts'

/** The vault itself, at work for one tenant or (without one) on what names no tenant; its entries go to that log. */
export function upkeepCaller(vault: Pick<Vault, 'instance'>, job: string, tenant: TenantId | undefined): Caller {
  return {
    kind: 'job',
    id: `vault-${job}` as PersonId,
    tenant,
    roles: ['system'],
    auth: 'system',
    credential: job,
    requestId: `${job}-${vault.instance}`,
  }
}
