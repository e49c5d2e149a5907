import type { Caller } from '../domain/caller.ts'
import { type Epoch, nextStep } from '../domain/epoch.ts'
import { observe } from '../guards/admit.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'

/** What is told of an epoch; times are ISO 8601, UTC. */
export interface EpochView {
  readonly epoch: string
  readonly state: Epoch['state']
  /** Data keys of the tenant that are under it now. */
  readonly keys: number
  readonly activeAt: string
  readonly formerAt?: string
  readonly emptiedAt?: string
  readonly provedAt?: string
  readonly disabledAt?: string
  readonly endedAt?: string
  /** From when on no copy of anything that it wrapped can be opened. */
  readonly deadFrom?: string
  readonly next?: { readonly step: string; readonly from?: string }
}

/**
 * The epochs of the caller's tenant and how far each has come; the look is on record.
 * @throws {VaultError} role.not-allowed - refused, on record
 */
export async function listEpochs(vault: Vault, caller: Caller): Promise<{ readonly items: readonly EpochView[] }> {
  const tenant = tenantOf(vault, caller)
  await observe(vault, caller, { action: 'key.read', resource: { known: true }, detail: { epochs: true } })
  const epochs = await vault.ledger.listEpochs(tenant.id)
  const counts = await Promise.all(epochs.map(({ epoch }) => vault.wrappedKeys.countUnder(epoch, tenant.id)))
  return { items: epochs.map((epoch, at) => viewOf(epoch, counts[at] ?? 0, vault.clock.nowMs())) }
}

function viewOf(epoch: Epoch, keys: number, nowMs: number): EpochView {
  const next = nextStep(epoch, nowMs)
  const at = (name: string, ms: number | undefined) => (ms === undefined ? {} : { [name]: new Date(ms).toISOString() })
  return {
    epoch: epoch.epoch,
    state: epoch.state,
    keys,
    activeAt: new Date(epoch.activeAtMs).toISOString(),
    ...at('formerAt', epoch.formerAtMs),
    ...at('emptiedAt', epoch.emptiedAtMs),
    ...at('provedAt', epoch.provedAtMs),
    ...at('disabledAt', epoch.disabledAtMs),
    ...at('endedAt', epoch.endedAtMs),
    ...at('deadFrom', epoch.deadFromMs),
    ...(next.step === 'none'
      ? {}
      : { next: { step: next.step, ...at('from', 'untilMs' in next ? next.untilMs : undefined) } }),
  }
}
