import type { Caller } from '../domain/caller.ts'
import type { PersonId, TenantId } from '../domain/ids.ts'
import type { Vault } from '../guards/vault.ts'

const purgeJob = 'vault-purge' as PersonId

/** Planners that are no person of any register: whoever approves their plans is another. */
export const purgePersons: ReadonlySet<PersonId> = new Set([purgeJob])

/** The job that plans by the schedule and destroys: it holds the role of the purge, of one tenant, and no other. */
export function purgeCaller({ instance }: Pick<Vault, 'instance'>, tenant: TenantId): Caller {
  return {
    kind: 'job',
    id: purgeJob,
    tenant,
    roles: ['purge'],
    auth: 'system',
    credential: 'purge',
    requestId: `purge-${instance}`,
  }
}

/** The vault itself, reckoning the clocks of a tenant anew. */
export function clockCaller({ instance }: Pick<Vault, 'instance'>, tenant: TenantId): Caller {
  return {
    kind: 'job',
    id: 'vault-clock' as PersonId,
    tenant,
    roles: ['system'],
    auth: 'system',
    credential: 'clock',
    requestId: `clock-${instance}`,
  }
}
