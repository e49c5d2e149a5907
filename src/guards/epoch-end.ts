import { type EpochEnd, endOf } from '../domain/epoch.ts'
import type { TenantId } from '../domain/ids.ts'
import type { Vault } from './vault.ts'

/**
 * From when on no copy of a data key opens that was last wrapped under `epoch`, for the certificate of its erasure. Older copies
 * may lie under earlier epochs of the tenant, so all of those must have ended too; the latest of their ends counts.
 *
 * @throws {VaultError} ledger.unavailable - it cannot be told now
 */
export async function epochEndOf(
  { ledger }: Pick<Vault, 'ledger'>,
  tenant: TenantId,
  epoch: string,
): Promise<EpochEnd> {
  const epochs = await ledger.listEpochs(tenant)
  const own = epochs.find(one => one.epoch === epoch)
  const last = endOf(own)
  if (!own || last.state === 'pending') return { state: 'pending' }
  let end = last
  const earlier = epochs.filter(({ state, activeAtMs }) => state !== 'active' && activeAtMs <= own.activeAtMs)
  for (const one of earlier) {
    const other = endOf(one)
    if (other.state === 'pending') return other
    if (other.fromMs > end.fromMs) end = other
  }
  return end
}
