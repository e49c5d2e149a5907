import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { PurgeRunId } from '../domain/ids.ts'
import { type PurgeItem, type PurgePage, type PurgeRun, purgeLimits } from '../domain/purge-run.ts'
import type { Tenant } from '../domain/tenant.ts'
import { planHashOf } from '../guards/plan-hash.ts'
import { trustedTime } from '../guards/trusted-clock.ts'
import { newUuid7 } from '../guards/uuid7.ts'
import type { Vault } from '../guards/vault.ts'
import type { Change } from '../ports/ledger.ts'
import { retentionStateOf, stateChange } from './clock-trust.ts'

const mostTries = 5

export type PlanGrant = Grant<'purge.plan'>

/** A list of what is due, as it was made. */
interface Plan {
  readonly caller: Caller
  readonly tenant: Tenant
  readonly asOfMs: number
  readonly items: readonly PurgeItem[]
}

/**
 * Writes the pages of a run: no run names them before they are whole.
 *
 * @returns the run, which is kept by `keepRuns`
 * @throws {VaultError} purge.clock - the clock is not trusted any more
 */
export async function makeRun(
  vault: Vault,
  grant: PlanGrant,
  { caller, tenant, asOfMs, items }: Plan,
): Promise<PurgeRun> {
  const nowMs = await trustedTime(vault, tenant.id)
  const pages = pagesOf(tenant, newUuid7(nowMs) as PurgeRunId, items)
  for (const put of pages.all) {
    const committed = await vault.ledger.commit(grant, [{ row: 'page', expected: 0, put }])
    if (!committed.done) throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
  }
  const late = items.filter(({ waits }) => waits !== undefined).length
  return {
    id: pages.run,
    tenant: tenant.id,
    state: 'planned',
    asOfMs,
    planHash: await planHashOf(items),
    count: items.length,
    ...(late === 0 ? {} : { late }),
    pages: pages.all.length,
    plannedBy: caller.id,
    plannedAtMs: nowMs,
    expiresAtMs: nowMs + purgeLimits.planLivesMs,
    destroyed: 0,
    spared: 0,
    failed: 0,
    version: 1,
  }
}

/**
 * Keeps runs that were made, in the place of every older open one. Of two who plan at once one wins, by the tenant's one state.
 *
 * @param answer of the request that asked for them, kept in the same commit
 * @throws {VaultError} purge.state - a run is being executed
 * @throws {VaultError} ledger.conflict - another plan was made at the same time; safe to repeat
 */
export async function keepRuns(
  vault: Vault,
  grant: PlanGrant,
  tenant: Tenant,
  runs: readonly PurgeRun[],
  ...answer: readonly Change[]
): Promise<void> {
  const nowMs = await trustedTime(vault, tenant.id)
  for (let tries = 0; tries < mostTries; tries++) {
    const [state, open] = await Promise.all([retentionStateOf(vault, tenant), vault.ledger.openRuns(tenant.id)])
    if (open.some(other => other.state === 'executing')) throw new VaultError('purge.state', { detail: 'executing' })
    const committed = await vault.ledger.commit(grant, [
      stateChange(state, { trustedMs: Math.max(state.trustedMs, nowMs) }),
      ...open.map(older => staleChange(older, nowMs)),
      ...runs.map((put): Change => ({ row: 'run', expected: 0, put })),
      ...answer,
    ])
    if (committed.done) return
  }
  throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
}

function pagesOf(tenant: Tenant, run: PurgeRunId, items: readonly PurgeItem[]) {
  const all: PurgePage[] = []
  for (let at = 0; at < items.length; at += purgeLimits.itemsPerPage) {
    const some = items.slice(at, at + purgeLimits.itemsPerPage)
    all.push({ tenant: tenant.id, run, n: all.length, state: 'planned', items: some, version: 1 })
  }
  return { run, all }
}

/** A plan that nobody may act on any more. */
function staleChange(run: PurgeRun, nowMs: number): Change {
  const put: PurgeRun = { ...run, state: 'stale', endedAtMs: nowMs, version: run.version + 1 }
  return { row: 'run', expected: run.version, put }
}
