import { codeOf } from '../guards/admit.ts'
import type { JobCounts } from '../guards/job-counts.ts'
import type { Vault } from '../guards/vault.ts'

/** What a runner itself needs of a vault. */
interface Instance extends Pick<Vault, 'clock' | 'log' | 'instance'> {
  readonly ledger: Pick<Vault['ledger'], 'takeLease' | 'dropLease'>
}

/** Work the clock asks for. `run` can be repeated and ends soon after its signal. */
export interface Job<Of extends Instance = Vault> {
  readonly name: string
  readonly everyMs: number
  /** How long after the start it first runs. */
  readonly firstAfterMs: number
  /**
   * One instance at a time, under a lease of this length, and once a period over all of them; absent for work on the
   * instance's own memory.
   */
  readonly leaseMs?: number
  readonly run: (vault: Of, signal: AbortSignal) => Promise<number>
}

export interface Runner {
  /** Aborts what runs and resolves when all of it has ended. */
  stop(): Promise<void>
}

/** How a turn ended; without a count where the work failed. */
type Turn = { readonly isTaken: true } | { readonly isTaken: false; readonly count?: number }

/**
 * Runs each job over and over: at most once at a time and once a period where several instances share a ledger, with up to a
 * tenth of its period as jitter so that instances do not march in step. Where another instance has the lease, or has done the
 * work of this period, it asks again after a quarter of it, so that nothing waits long for an instance that is gone. A failure
 * is logged by its code and tried again at the next turn, of whichever instance comes first.
 *
 * @param counts learns of every run that had its turn
 */
export function startJobs<Of extends Instance>(vault: Of, jobs: readonly Job<Of>[], counts?: JobCounts): Runner {
  const stopping = new AbortController()
  for (const { name } of jobs) counts?.expect(name)
  const running = jobs.map(job => keepRunning(vault, job, stopping.signal, counts))
  return {
    async stop() {
      stopping.abort()
      await Promise.all(running)
    },
  }
}

async function keepRunning<Of extends Instance>(
  vault: Of,
  job: Job<Of>,
  signal: AbortSignal,
  counts?: JobCounts,
): Promise<void> {
  let pauseMs = job.firstAfterMs
  while (await slept(vault, pauseMs, signal)) {
    const { isTaken } = await turn(vault, job, { signal, everyMs: job.everyMs, ...(counts ? { counts } : {}) })
    pauseMs = (isTaken ? job.everyMs / 4 : job.everyMs) * (1 + Math.random() / 10)
  }
}

/**
 * Runs a job now if its lease is free, whether it ran in this period or not.
 * @returns what the job counted, or undefined when it did not run or failed
 */
export async function runOnce<Of extends Instance>(
  vault: Of,
  job: Job<Of>,
  signal: AbortSignal,
  counts?: JobCounts,
): Promise<number | undefined> {
  const ended = await turn(vault, job, { signal, ...(counts ? { counts } : {}) })
  return ended.isTaken ? undefined : ended.count
}

interface Asked {
  readonly signal: AbortSignal
  readonly counts?: JobCounts
  /** Only if no instance has done it within so long. */
  readonly everyMs?: number
}

async function turn<Of extends Instance>(vault: Of, job: Job<Of>, asked: Asked): Promise<Turn> {
  const { signal, counts } = asked
  try {
    const ended =
      job.leaseMs === undefined ? await ran(vault, job, signal) : await underLease(vault, job, job.leaseMs, asked)
    if (!ended.isTaken) counts?.done(job.name, vault.clock.nowMs())
    return ended
  } catch (error) {
    counts?.failed(job.name)
    vault.log.error('job failed', { job: job.name, code: codeOf(error) })
    return { isTaken: false }
  }
}

async function ran<Of extends Instance>(vault: Of, job: Job<Of>, signal: AbortSignal): Promise<Turn> {
  return { isTaken: false, count: await job.run(vault, signal) }
}

async function underLease<Of extends Instance>(
  vault: Of,
  job: Job<Of>,
  leaseMs: number,
  { signal, everyMs }: Asked,
): Promise<Turn> {
  const { ledger, clock, instance, log } = vault
  const startedMs = clock.nowMs()
  const fence = await ledger.takeLease(job.name, instance, startedMs, leaseMs, everyMs)
  if (fence === undefined) return { isTaken: true }
  // What failed, or was told to end, is open to the next instance that comes.
  let restUntilMs = 0
  try {
    const lease = AbortSignal.any([signal, AbortSignal.timeout(leaseMs)])
    const count = await job.run(vault, lease)
    if (!lease.aborted) restUntilMs = startedMs + job.everyMs
    log.info('job done', { job: job.name, count, fence, durationMs: clock.nowMs() - startedMs })
    return { isTaken: false, count }
  } finally {
    await ledger.dropLease(job.name, instance, restUntilMs)
  }
}

/** False once aborted. */
async function slept(vault: Instance, ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await vault.clock.sleep(ms, signal)
    return !signal.aborted
  } catch (error) {
    if (signal.aborted) return false
    throw error
  }
}
