import type { Caller } from '../domain/caller.ts'
import type { PersonId } from '../domain/ids.ts'
import type { Role } from '../domain/permission.ts'
import { admit, close, codeOf } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'
import { keepNewKey } from './add-caller.ts'

export interface FirstKey {
  readonly tenant: string
  readonly role: Role
  readonly person: string
  readonly key: string
}

/**
 * One API key for each tenant and role, each for a person of its own, so that a new embedded vault can be used at once.
 * Tenants that have a key already get none.
 *
 * @returns the keys made, in the order of tenants and roles; their text is nowhere else
 * @throws {VaultError} trail.unavailable, ledger.unavailable - the vault cannot start
 */
export async function makeFirstKeys(vault: Vault): Promise<readonly FirstKey[]> {
  const made: FirstKey[] = []
  for (const tenant of vault.tenants.values()) {
    const known = await vault.ledger.listApiKeys(tenant.id, { limit: 1 })
    if (known.length > 0) continue
    const bootstrap: Caller = {
      kind: 'service',
      id: 'vault' as PersonId,
      tenant: tenant.id,
      roles: ['system'],
      auth: 'system',
      credential: 'start',
      requestId: `start-${vault.instance}`,
    }
    const { grant } = await admit(vault, bootstrap, { action: 'caller.bootstrap', resource: { known: true } })
    try {
      for (const role of tenant.roles) {
        const kind = role === 'onboarding' || role === 'purge' ? 'service' : 'person'
        const person = `first-${role}-${tenant.id}` as PersonId
        const { key } = await keepNewKey(vault, grant, tenant.id, { person, kind, roles: [role] })
        made.push({ tenant: tenant.id, role, person, key })
      }
      await close(vault, grant, { out: 'done', detail: { n: tenant.roles.length } })
    } catch (error) {
      await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
      throw error
    }
  }
  return made
}
