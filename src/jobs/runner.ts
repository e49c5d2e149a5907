import { codeOf } from '../guards/admit.ts'
import type { JobCounts } from '../guards/job-counts.ts'
import type { Vault } from '../guards/vault.ts'

/** Work the clock asks for. `run` can be repeated and ends soon after its signal. */
export interface Job {
  readonly name: string
  readonly everyMs: number
  /** How long after the start it first runs. */
  readonly firstAfterMs: number
  /** One instance at a time, under a lease of this length; absent for work on the instance's own memory. */
  readonly leaseMs?: number
  readonly run: (vault: Vault, signal: AbortSignal) => Promise<number>
}

export interface Runner {
  /** Aborts what runs and resolves when all of it has ended. */
  stop(): Promise<void>
}

/**
 * Runs each job over and over: at most once at a time, under its lease where several instances share a ledger, with up to a
 * tenth of its period as jitter so that instances do not march in step. A failure is logged by its code and tried again at
 * the next turn.
 *
 * @param counts learns of every run that had its turn
 */
export function startJobs(vault: Vault, jobs: readonly Job[], counts?: JobCounts): Runner {
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

async function keepRunning(vault: Vault, job: Job, signal: AbortSignal, counts?: JobCounts): Promise<void> {
  let pauseMs = job.firstAfterMs
  while (await slept(vault, pauseMs, signal)) {
    await runOnce(vault, job, signal, counts)
    pauseMs = job.everyMs * (1 + Math.random() / 10)
  }
}

/** Runs a job now if its lease is free. @returns what the job counted, or undefined when it did not run or failed. */
export async function runOnce(
  vault: Vault,
  job: Job,
  signal: AbortSignal,
  counts?: JobCounts,
): Promise<number | undefined> {
  try {
    const count = await runInTurn(vault, job, signal)
    if (count !== undefined) counts?.done(job.name, vault.clock.nowMs())
    return count
  } catch (error) {
    counts?.failed(job.name)
    vault.log.error('job failed', { job: job.name, code: codeOf(error) })
    return undefined
  }
}

async function runInTurn(vault: Vault, job: Job, signal: AbortSignal): Promise<number | undefined> {
  if (job.leaseMs === undefined) return job.run(vault, signal)
  const fence = await vault.ledger.takeLease(job.name, vault.instance, vault.clock.nowMs(), job.leaseMs)
  if (fence === undefined) return undefined
  const startedMs = vault.clock.nowMs()
  try {
    const lease = AbortSignal.any([signal, AbortSignal.timeout(job.leaseMs)])
    const count = await job.run(vault, lease)
    vault.log.info('job done', { job: job.name, count, fence, durationMs: vault.clock.nowMs() - startedMs })
    return count
  } finally {
    await vault.ledger.dropLease(job.name, vault.instance)
  }
}

/** False once aborted. */
async function slept(vault: Vault, ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await vault.clock.sleep(ms, signal)
    return !signal.aborted
  } catch (error) {
    if (signal.aborted) return false
    throw error
  }
}
