import { isAsked } from '../domain/epoch.ts'
import type { TenantId } from '../domain/ids.ts'
import type { Vault } from './vault.ts'

/**
 * How many data keys of a tenant are not under the active epoch: what a rotation has still to do.
 * @throws {VaultError} ledger.unavailable, keys.unavailable - it cannot be told now
 */
export async function countFormerKeys(
  { ledger, wrappedKeys }: Pick<Vault, 'ledger' | 'wrappedKeys'>,
  tenant: TenantId,
): Promise<number> {
  const former = (await ledger.listEpochs(tenant)).filter(({ state }) => state !== 'active')
  const counts = await Promise.all(former.map(({ epoch }) => wrappedKeys.countUnder(epoch, tenant)))
  return counts.reduce((sum, count) => sum + count, 0)
}

/**
 * Whether two persons asked for a new wrapping key that nobody has made yet.
 * @throws {VaultError} ledger.unavailable - it cannot be told now
 */
export async function isRotationAsked(
  { ledger, clock }: Pick<Vault, 'ledger' | 'clock'>,
  tenant: TenantId,
): Promise<boolean> {
  return (await ledger.listEpochs(tenant)).some(epoch => isAsked(epoch, clock.nowMs()))
}
