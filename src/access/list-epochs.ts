import type { Caller } from '../domain/caller.ts'
import { type Epoch, isAsked, nextStep } from '../domain/epoch.ts'
import type { TenantId } from '../domain/ids.ts'
import { observe } from '../guards/admit.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'

/** What is told of an epoch; times are ISO 8601, UTC. */
export interface EpochView {
  readonly epoch: string
  readonly state: Epoch['state']
  /** Data keys of the tenant that are under it now; only where they were counted. */
  readonly keys?: number
  /** Absent where the vault has not noted it yet, or knew it from the beginning as a former one. */
  readonly activeAt?: string
  /** Two persons want another in its place. */
  readonly asked?: { readonly by: string; readonly second: string; readonly at: string }
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
 * The epochs of the caller's tenant and how far each has come, the active one also before any job noted it; the look is on record.
 * @throws {VaultError} role.not-allowed - refused, on record
 * @throws {VaultError} keys.unavailable - nobody can say which epoch is active
 */
export async function listEpochs(vault: Vault, caller: Caller): Promise<{ readonly items: readonly EpochView[] }> {
  const tenant = tenantOf(vault, caller)
  await observe(vault, caller, { action: 'key.read', resource: { known: true }, detail: { epochs: true } })
  const [noted, { active }] = await Promise.all([vault.ledger.listEpochs(tenant.id), vault.keyring.epochs(tenant.id)])
  const isNoted = noted.some(({ epoch }) => epoch === active)
  const epochs = isNoted ? noted : [...noted, unnoted(tenant.id, active, 0)]
  const counts = await Promise.all(epochs.map(({ epoch }) => vault.wrappedKeys.countUnder(epoch, tenant.id)))
  return { items: epochs.map((epoch, at) => viewEpoch(epoch, counts[at] ?? 0, vault.clock.nowMs())) }
}

/** The account of an active epoch that nothing is written of yet. */
export function unnoted(tenant: TenantId, epoch: string, activeAtMs: number): Epoch {
  return { tenant, epoch, state: 'active', activeAtMs, version: 0 }
}

/** @param keys how many data keys of the tenant are under it; undefined where nobody counted */
export function viewEpoch(epoch: Epoch, keys: number | undefined, nowMs: number): EpochView {
  const next = nextStep(epoch, nowMs)
  const asked = isAsked(epoch, nowMs) ? epoch.asked : undefined
  const at = (name: string, ms: number | undefined) => (ms === undefined ? {} : { [name]: new Date(ms).toISOString() })
  return {
    epoch: epoch.epoch,
    state: epoch.state,
    ...(keys === undefined ? {} : { keys }),
    ...at('activeAt', epoch.activeAtMs || undefined),
    ...(asked ? { asked: { by: asked.by, second: asked.second, at: new Date(asked.atMs).toISOString() } } : {}),
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
