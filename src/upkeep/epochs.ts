import type { Caller } from '../domain/caller.ts'
import { type Epoch, nextStep, secondProofAfterMs } from '../domain/epoch.ts'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { TenantId } from '../domain/ids.ts'
import { admit, close, codeOf, isLive, settle } from '../guards/admit.ts'
import { isClockTrusted } from '../guards/trusted-clock.ts'
import type { Vault } from '../guards/vault.ts'
import type { Change } from '../ports/ledger.ts'
import { beginAsked } from './begin-asked.ts'
import { noteEpochs } from './note-epochs.ts'
import { type RewrapProgress, rewrapKeys } from './rewrap.ts'
import { upkeepCaller } from './upkeep-caller.ts'

export interface AdvanceOptions {
  readonly signal: AbortSignal
  /** Whether keys that nothing needs any more are disabled and ended too. */
  readonly retire: boolean
  readonly onProgress?: (progress: RewrapProgress) => void
}

/**
 * Takes each epoch of a tenant as far as it can go now: notes a flip, begins one that was asked for where the keys are the
 * vault's own, wraps anew what is under a former epoch, proves that nothing is left, and where it may, disables the key,
 * proves it once more a day later, and orders its end. Every step is on record in the tenant's log; a key that several
 * tenants share takes the last two steps only when all of them are ready.
 *
 * @returns how many keys were wrapped anew and steps were taken
 * @throws {VaultError} keys.*, ledger.*, trail.* - what was done until then is on record, and the next run goes on
 */
export async function advanceEpochs(vault: Vault, tenant: TenantId, options: AdvanceOptions): Promise<number> {
  const before = await noteEpochs(vault, tenant)
  const begun = vault.keyring.ownsEpochs ? await beginAsked(vault, tenant, before) : undefined
  const { epochs, active } = begun ? await noteEpochs(vault, tenant) : before
  let count = before.noted + (begun ? 1 : 0)
  for (const epoch of epochs) {
    if (!options.signal.aborted) count += await advance(vault, epoch, active, options)
  }
  return count
}

async function advance(vault: Vault, from: Epoch, active: string, options: AdvanceOptions): Promise<number> {
  let epoch = from
  let count = 0
  while (!options.signal.aborted) {
    const { step } = nextStep(epoch, vault.clock.nowMs())
    switch (step) {
      case 'none':
      case 'wait':
      case 'replace':
        return count
      case 'rewrap': {
        const { tenant } = epoch
        const done = await rewrapKeys(vault, tenant, { ...options, from: epoch.epoch, to: active })
        count += done.count
        if (done.left > 0) return count
        break
      }
      case 'disable':
      case 'end':
        if (!options.retire || !(await isReadyEverywhere(vault, epoch))) return count
        if (!(await mayTellTime(vault, epoch.tenant))) return count
        break
      case 'prove':
        if (!(await mayTellTime(vault, epoch.tenant))) return count
        break
    }
    const next = await take(vault, epoch, step)
    if (!next) return count
    if (step !== 'rewrap') count++
    epoch = next
  }
  return count
}

/** Between these steps lie times of waiting, and the last cannot be undone: a clock that leapt ends no waiting. */
async function mayTellTime(vault: Vault, tenant: TenantId): Promise<boolean> {
  if (await isClockTrusted(vault, tenant)) return true
  vault.log.warn('clock not trusted: no key is retired', { job: 'rewrap-keys', tenant, code: 'purge.clock' })
  return false
}

type Taken = 'rewrap' | 'prove' | 'disable' | 'end'
type Stepped = Omit<Partial<Epoch>, 'emptiedAtMs'> & { readonly emptiedAtMs?: number | undefined }

/** One step of one row, under a grant of its own. @returns the row as it is then; undefined when it can go no further now */
async function take(vault: Vault, epoch: Epoch, step: Taken): Promise<Epoch | undefined> {
  const caller = upkeepCaller(vault, 'rewrap-keys', epoch.tenant)
  const detail = { epoch: epoch.epoch, step }
  const resource = { known: true, due: true }
  const { grant } = await admit(vault, caller, { action: 'key.rotate', resource, detail })
  try {
    const stepped = await effectOf(vault, caller, grant, epoch, step)
    const settlement = await settle(vault, grant, { out: 'done', detail })
    const { emptiedAtMs, ...rest } = { ...epoch, ...stepped, version: epoch.version + 1 }
    const put: Epoch = { ...rest, ...(emptiedAtMs === undefined ? {} : { emptiedAtMs }) }
    const change: Change = { row: 'epoch', expected: epoch.version, put }
    const committed = await vault.ledger.commit(settlement, [change])
    return committed.done ? put : undefined
  } catch (error) {
    // Where it is settled already, the commit failed, and the next run takes the step again.
    if (isLive(grant)) await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}

async function effectOf(
  vault: Vault,
  caller: Caller,
  grant: Grant<'key.rotate'>,
  { epoch, tenant }: Epoch,
  step: Taken,
): Promise<Stepped> {
  const atMs = vault.clock.nowMs()
  if (step === 'rewrap') return { emptiedAtMs: atMs }
  // Of all tenants before the key is touched: a row that belongs to nobody who is configured needs it as well.
  const found = await vault.wrappedKeys.countUnder(epoch, ...(step === 'prove' ? [tenant] : []))
  if (step === 'prove') {
    if (found > 0) return { emptiedAtMs: undefined }
    await retired(vault, caller, { epoch, step: 'proved' })
    return { provedAtMs: atMs }
  }
  if (found > 0) throw new VaultError('keys.refused', { detail: 'epoch.in-use', actual: found })
  if (step === 'disable') {
    await vault.keyring.disableEpoch(grant, epoch)
    await retired(vault, caller, { epoch, step: 'disabled' })
    return { state: 'disabled', disabledAtMs: atMs }
  }
  const deadFromMs = (await vault.keyring.endEpoch(grant, epoch)) ?? atMs
  const from = new Date(deadFromMs).toISOString()
  const place = await retired(vault, caller, { epoch, step: 'ended', from })
  return { state: 'ended', endedAtMs: atMs, deadFromMs, retired: place }
}

/** The entry that certificates point to; `from` is the time from which no copy of what the epoch wrapped can be opened. */
async function retired(
  vault: Vault,
  caller: Caller,
  detail: { readonly epoch: string; readonly step: 'proved' | 'disabled' | 'ended'; readonly from?: string },
): Promise<{ readonly log: string; readonly index: number }> {
  const [placed] = await vault.trail.append([{ act: 'key.retired', out: 'note', caller, detail }])
  if (!placed) throw new VaultError('trail.unavailable')
  return { log: placed.log, index: placed.index }
}

/** No tenant wraps under it, and each that ever did is as far with it as this one. */
async function isReadyEverywhere(vault: Vault, { epoch, state }: Epoch): Promise<boolean> {
  const beforeMs = vault.clock.nowMs() - secondProofAfterMs
  const isReady = (row: Epoch | undefined): boolean => {
    if (row === undefined || row.state === 'ended') return true
    if (row.state === 'disabled') return state === 'former' || (row.disabledAtMs ?? Infinity) <= beforeMs
    return state === 'former' && row.state === 'former' && row.provedAtMs !== undefined
  }
  for (const tenant of new Set([...vault.tenants.keys(), ...(await vault.ledger.tenants())])) {
    const [row, { active }] = [await vault.ledger.findEpoch(tenant, epoch), await vault.keyring.epochs(tenant)]
    if (active === epoch || !isReady(row)) return false
  }
  return (await vault.wrappedKeys.countUnder(epoch)) === 0
}
