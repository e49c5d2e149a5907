import type { Caller } from '../domain/caller.ts'
import { isUnavailable } from '../domain/errors.ts'
import type { PurgeRun } from '../domain/purge-run.ts'
import type { Tenant } from '../domain/tenant.ts'
import { codeOf } from '../guards/admit.ts'
import { isClockTrusted } from '../guards/trusted-clock.ts'
import type { Vault } from '../guards/vault.ts'
import { executePurge, isReady } from './execute-purge.ts'
import { finishPurging } from './finish-purging.ts'
import { planPurge } from './plan-purge.ts'
import { purgeCaller } from './purge-caller.ts'
import { reckonDue } from './reckon-due.ts'

export interface PurgeTurn {
  readonly signal: AbortSignal
  /** The first instant of the tenant's schedule after this one, epoch ms; undefined when there is none. */
  readonly nextAfter: (ms: number) => number | undefined
}

/**
 * One turn of the purge of a tenant, every minute: clocks are reckoned anew where the policy changed, what was given up is
 * destroyed, the schedule's plan is made when its time has come, and every run that is ready is executed, also one that was
 * ended in the middle. While the clock is not trusted nothing of it happens but the reckoning.
 *
 * @returns how many papers were destroyed
 * @throws {VaultError} *.unavailable, storage.full, vault.stopping - the next turn goes on
 */
export async function runPurges(vault: Vault, tenant: Tenant, { signal, nextAfter }: PurgeTurn): Promise<number> {
  const caller = purgeCaller(vault, tenant.id)
  await reckonDue(vault, tenant, { signal })
  if (!(await isClockTrusted(vault, tenant.id))) {
    vault.log.warn('clock not trusted: nothing is destroyed', { job: 'purge', tenant: tenant.id, code: 'purge.clock' })
    return 0
  }
  const finished = await finishPurging(vault, tenant, signal)
  if (await isScheduled(vault, tenant, nextAfter)) await plan(vault, caller, tenant, signal)
  let destroyed = finished
  for (const run of await vault.ledger.openRuns(tenant.id)) {
    if (!signal.aborted && isReady(tenant, run, vault.clock.nowMs())) {
      destroyed += await execute(vault, caller, run, signal)
    }
  }
  return destroyed
}

/**
 * True when an instant of the schedule has passed since the last that was acted on, and no run is to be executed first: what a
 * person approved a minute before is not lost to a new plan. What was never begun in time is in nobody's way.
 */
async function isScheduled(vault: Vault, tenant: Tenant, nextAfter: PurgeTurn['nextAfter']): Promise<boolean> {
  const [state, open] = await Promise.all([
    vault.ledger.findRetentionState(tenant.id),
    vault.ledger.openRuns(tenant.id),
  ])
  if (!state || open.some(run => isReady(tenant, run, vault.clock.nowMs()))) return false
  const nowMs = vault.clock.nowMs()
  const { scheduledMs = state.trustedMs, trustedMs } = state
  // A clock that was set back has acted on instants that are still to come.
  const nextMs = nextAfter(scheduledMs <= nowMs ? scheduledMs : trustedMs)
  return nextMs !== undefined && nextMs <= nowMs
}

/** A list over the cap, say, waits for a person: it is on record, and the runs that are open go on. */
async function plan(vault: Vault, caller: Caller, tenant: Tenant, signal: AbortSignal): Promise<void> {
  try {
    await planPurge(vault, caller, { signal })
  } catch (error) {
    if (isUnavailable(codeOf(error))) throw error
    vault.log.error('purge not planned', { job: 'purge', tenant: tenant.id, code: codeOf(error) })
  }
}

async function execute(vault: Vault, caller: Caller, run: PurgeRun, signal: AbortSignal): Promise<number> {
  const done = await executePurge(vault, caller, { run: run.id, signal })
  if (!done) return 0
  const { tenant, destroyed, spared, failed } = done
  vault.log.info('purge done', { job: 'purge', tenant, count: destroyed })
  if (spared + failed > 0) vault.log.warn('purge spared or failed', { job: 'purge', tenant, count: spared + failed })
  return destroyed
}
