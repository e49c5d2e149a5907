import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { PurgeRunId } from '../domain/ids.ts'
import { needsApproval, type PurgePage, type PurgeRun } from '../domain/purge-run.ts'
import type { Tenant } from '../domain/tenant.ts'
import { admit, close, codeOf, type Refusal } from '../guards/admit.ts'
import { tenantOf } from '../guards/tenancy.ts'
import { isClockTrusted, trustedTime } from '../guards/trusted-clock.ts'
import type { Vault } from '../guards/vault.ts'
import type { Change } from '../ports/ledger.ts'
import { retentionStateOf, stateChange } from './clock-trust.ts'
import { purgeApart } from './purge-apart.ts'
import { purgePersons } from './purge-caller.ts'
import { dropPurgeLease, takePurgeLease } from './purge-lease.ts'
import { requestedBy } from './request-purge.ts'
import { requireRunning } from './stopping.ts'

const pagesAtOnce = 2

export interface ExecuteInput {
  readonly run: PurgeRunId
  readonly signal: AbortSignal
  /** Told after each batch. */
  readonly onProgress?: (run: PurgeRun) => void
}

type ExecuteGrant = Grant<'purge.execute'>
type Outcomes = Awaited<ReturnType<typeof purgeApart>>

/**
 * Executes a run that was asked for, page by page, or goes on with one that was ended in the middle by whatever it was. One
 * instance at a time does it, under the tenant's lease: every commit of a page moves the run's version, so that whoever lost
 * the lease cannot go on.
 *
 * @returns the run when it is done; undefined when another instance is at it
 * @throws {VaultError} purge.unknown - this tenant has no such run
 * @throws {VaultError} purge.state, purge.stale - nobody asked for it, it is done, or its time is over
 * @throws {VaultError} purge.clock - the clock is not trusted; nothing changed
 * @throws {VaultError} vault.stopping - the signal ended it between two pages; it goes on by calling again
 * @throws {VaultError} *.unavailable, storage.full - a store does not answer; it goes on by calling again
 */
export async function executePurge(vault: Vault, caller: Caller, input: ExecuteInput): Promise<PurgeRun | undefined> {
  const tenant = tenantOf(vault, caller)
  const run = await vault.ledger.findRun(tenant.id, input.run)
  const { grant } = await admit(vault, caller, {
    action: 'purge.execute',
    resource: { known: run !== undefined, unknownCode: 'purge.unknown' },
    ...(run ? { detail: { run: run.id, hash: run.planHash, count: run.count } } : {}),
    refuse: () => refuseExecution(vault, tenant, run),
  })
  try {
    if (!run) throw new VaultError('purge.unknown')
    const fence = await takePurgeLease(vault, tenant)
    const done =
      fence === undefined ? undefined : await underLease(vault, grant, { tenant, caller, run, fence, ...rest(input) })
    const told = done ? { destroyed: done.destroyed, spared: done.spared, failed: done.failed } : { lease: 'taken' }
    await close(vault, grant, { out: 'done', detail: { run: run.id, ...told } })
    return done
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  } finally {
    await dropPurgeLease(vault, tenant)
  }
}

const rest = ({ signal, onProgress }: ExecuteInput) => ({ signal, ...(onProgress ? { onProgress } : {}) })

/**
 * Whether jobs may execute a run: one that was asked for, or was begun; and of the schedule's own plans those that a person
 * approved, or that need no approval.
 */
export function isReady(tenant: Tenant, run: PurgeRun, nowMs: number): boolean {
  if (run.state === 'executing') return true
  // What began in time may end later; what did not begin is not begun late.
  if (run.expiresAtMs <= nowMs) return false
  if (run.state === 'requested') return true
  const allowed = run.state === 'approved' || (run.state === 'planned' && !needsApproval(run, tenant))
  return allowed && purgePersons.has(run.plannedBy)
}

async function refuseExecution(vault: Vault, tenant: Tenant, run: PurgeRun | undefined): Promise<Refusal | undefined> {
  if (!run) return { code: 'purge.unknown' }
  const nowMs = vault.clock.nowMs()
  if (!isReady(tenant, run, nowMs)) {
    const isOver = run.state === 'stale' || (run.state !== 'done' && run.expiresAtMs <= nowMs)
    return isOver ? { code: 'purge.stale' } : { code: 'purge.state', facts: { detail: run.state } }
  }
  return (await isClockTrusted(vault, tenant.id)) ? undefined : { code: 'purge.clock' }
}

interface Execution {
  readonly tenant: Tenant
  readonly caller: Caller
  readonly run: PurgeRun
  readonly fence: number
  readonly signal: AbortSignal
  readonly onProgress?: (run: PurgeRun) => void
}

async function underLease(vault: Vault, grant: ExecuteGrant, execution: Execution): Promise<PurgeRun> {
  const { caller, fence } = execution
  const asked = requestedBy(execution.run, caller)
  if (asked !== execution.run) await moved(vault, grant, execution.run, asked)
  const begun = await moved(vault, grant, asked, { ...asked, state: 'executing', fence, version: asked.version + 1 })
  const run = await everyPage(vault, grant, { ...execution, run: begun })
  const endedAtMs = await trustedTime(vault, execution.tenant.id)
  const done: PurgeRun = { ...run, state: 'done', endedAtMs, version: run.version + 1 }
  await moved(vault, grant, run, done)
  await trustOn(vault, grant, execution.tenant, endedAtMs)
  return done
}

/** Two pages at a time, so that one uses the processors while the other waits for the disk; their ends are put down in turn. */
async function everyPage(vault: Vault, grant: ExecuteGrant, execution: Execution): Promise<PurgeRun> {
  const { onProgress, signal } = execution
  let ended = Promise.resolve(execution.run)
  let failure: { readonly error: unknown } | undefined
  let next = 0
  const work = async (): Promise<void> => {
    try {
      while (next < execution.run.pages && !failure) {
        requireRunning(signal)
        const page = await pageToDo(vault, execution, next++)
        if (!page) continue
        const outcomes = await destroyPage(vault, execution, page)
        ended = ended.then(async run => pageDone(vault, grant, run, page, outcomes))
        onProgress?.(await ended)
      }
    } catch (error) {
      failure ??= { error }
    }
  }
  await Promise.all(Array.from({ length: pagesAtOnce }, work))
  if (failure) throw failure.error
  return ended
}

/** @returns undefined when it was done before this execution began */
async function pageToDo(vault: Vault, { tenant, run }: Execution, n: number): Promise<PurgePage | undefined> {
  const [page] = await vault.ledger.listPages(tenant.id, run.id, { after: n - 1, limit: 1 })
  if (page?.n !== n) throw new VaultError('purge.state', { detail: 'pages' })
  return page.state === 'done' ? undefined : page
}

/** @throws {VaultError} purge.state - another instance holds the lease */
async function destroyPage(vault: Vault, execution: Execution, { items }: PurgePage): Promise<Outcomes> {
  const { tenant, caller, run, fence } = execution
  const renewed = await takePurgeLease(vault, tenant)
  if (renewed !== fence) throw new VaultError('purge.state', { detail: 'lease' })
  if (!(await isClockTrusted(vault, tenant.id))) throw new VaultError('purge.clock')
  const approved = run.approvedBy !== undefined
  const targets = items.map(planned => ({ document: planned.document, subject: planned.subject, planned, approved }))
  return purgeApart(vault, { tenant, caller, run: run.id }, targets)
}

/** The clock that a purge ran by is trusted on from there. Who moved the state meanwhile trusted it as well. */
async function trustOn(vault: Vault, grant: ExecuteGrant, tenant: Tenant, endedAtMs: number): Promise<void> {
  const state = await retentionStateOf(vault, tenant)
  const trustedMs = Math.max(state.trustedMs, endedAtMs)
  await vault.ledger.commit(grant, [stateChange(state, { trustedMs })])
}

/** @throws {VaultError} purge.state - another instance moved the run: the lease is lost */
async function moved(
  vault: Vault,
  grant: ExecuteGrant,
  run: PurgeRun,
  put: PurgeRun,
  ...more: readonly Change[]
): Promise<PurgeRun> {
  const committed = await vault.ledger.commit(grant, [{ row: 'run', expected: run.version, put }, ...more])
  if (!committed.done) throw new VaultError('purge.state', { detail: 'lease' })
  return put
}

async function pageDone(
  vault: Vault,
  grant: ExecuteGrant,
  run: PurgeRun,
  page: PurgePage,
  outcomes: Outcomes,
): Promise<PurgeRun> {
  const items = page.items.map(item => ({ ...item, outcome: outcomes.get(item.document) ?? 'gone' }))
  const failed = items.filter(({ outcome }) => outcome === 'failed').length
  const destroyed = items.filter(({ outcome }) => outcome === 'destroyed').length
  const put: PurgeRun = {
    ...run,
    destroyed: run.destroyed + destroyed,
    failed: run.failed + failed,
    spared: run.spared + items.length - destroyed - failed,
    version: run.version + 1,
  }
  const done: PurgePage = { ...page, state: 'done', items, version: page.version + 1 }
  return moved(vault, grant, run, put, { row: 'page', expected: page.version, put: done })
}
