import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { Tenant } from '../domain/tenant.ts'
import type { Vault } from './vault.ts'

/**
 * The tenant that the caller's credential names; there is no other way to come by one.
 * @throws {VaultError} credential.invalid - the credential names no tenant, or one that is no longer configured
 */
export function tenantOf(vault: Pick<Vault, 'tenants'>, caller: Caller): Tenant {
  const tenant = caller.tenant === undefined ? undefined : vault.tenants.get(caller.tenant)
  if (!tenant) throw new VaultError('credential.invalid')
  return tenant
}
