import type { ApiKey, Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { PersonId, TenantId } from '../domain/ids.ts'
import type { Role } from '../domain/role.ts'
import type { Tenant } from '../domain/tenant.ts'
import { admit, close, codeOf } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'
import { newKey } from './new-key.ts'

export interface FirstKey {
  readonly tenant: string
  readonly role: Role
  readonly person: string
  readonly key: string
}

interface Planned extends FirstKey {
  readonly row: ApiKey
}

/**
 * One API key for each tenant and role, each for a person of its own, so that a new embedded vault can be used at once.
 * Tenants that have a key already get none.
 *
 * @param keep puts the keys where a person finds them; called once, before any of them is in force, so that a crash in
 *   between leaves text without force, which the next start replaces, and never a key that nobody has
 * @returns the keys made, in the order of tenants and roles
 * @throws {VaultError} trail.unavailable, ledger.unavailable - the vault cannot start
 */
export async function makeFirstKeys(
  vault: Vault,
  keep: (keys: readonly FirstKey[]) => Promise<void>,
): Promise<readonly FirstKey[]> {
  const planned: Planned[] = []
  for (const tenant of vault.tenants.values()) {
    const known = await vault.ledger.listApiKeys(tenant.id, { limit: 1 })
    if (known.length === 0) planned.push(...(await planFor(vault, tenant)))
  }
  const keys = planned.map(({ tenant, role, person, key }) => ({ tenant, role, person, key }))
  if (keys.length > 0) await keep(keys)
  for (const [tenant, rows] of Map.groupBy(planned, ({ row }) => row.tenant)) await putInForce(vault, tenant, rows)
  return keys
}

async function planFor(vault: Vault, tenant: Tenant): Promise<readonly Planned[]> {
  return Promise.all(
    tenant.roles.map(async role => {
      const kind = role === 'onboarding' || role === 'purge' ? 'service' : 'person'
      const person = `first-${role}-${tenant.id}` as PersonId
      const { text, row } = await newKey(vault, tenant.id, { person, kind, roles: [role] })
      return { tenant: tenant.id, role, person, key: text, row }
    }),
  )
}

/** All of a tenant's keys in one commit: a tenant has them all or none. */
async function putInForce(vault: Vault, tenant: TenantId, planned: readonly Planned[]): Promise<void> {
  const bootstrap: Caller = {
    kind: 'service',
    id: 'vault' as PersonId,
    tenant,
    roles: ['system'],
    auth: 'system',
    credential: 'start',
    requestId: `start-${vault.instance}`,
  }
  const { grant } = await admit(vault, bootstrap, { action: 'caller.bootstrap', resource: { known: true } })
  try {
    const changes = planned.map(({ row }) => ({ row: 'key', expected: 0, put: row }) as const)
    const committed = await vault.ledger.commit(grant, changes)
    if (!committed.done) throw new VaultError('caller.exists')
    await close(vault, grant, { out: 'done', detail: { n: planned.length } })
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}
