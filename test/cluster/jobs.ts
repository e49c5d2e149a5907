import { processRoles } from '../../src/domain/process-role.ts'
import { jobsOf } from '../../src/jobs/jobs.ts'
import type { Ran } from '../support/spawned-vault.ts'

/** One run of a job, as the instance that did it says. */
interface Run {
  readonly job: string
  readonly fence: number
  readonly startMs: number
  readonly endMs: number
  readonly instance: number
}

interface Line {
  readonly msg?: string
  readonly time: string
  readonly job: string
  readonly fence?: number
  readonly durationMs?: number
}

/** The clock of the log is rounded to milliseconds, and a run begins once it has its lease. */
const roundingMs = 2
const leaseTakenMs = 2_000
const periods = new Map(jobsOf(processRoles).map(({ name, everyMs }) => [name, everyMs]))

/**
 * Holds the runs that instances logged against the leases: no number of a lease was given to two of them, no two runs of a job
 * overlap or lie in one period, and at most as many numbers were given out as runs ended, but for those of the instances that were killed.
 *
 * @param endedMs when the instances were told to end: what was ended then leaves its period open
 * @param leases by job, the last number that was given out
 * @returns one line for each job, and what does not hold
 */
export function judgeJobs(ran: readonly Ran[], leases: ReadonlyMap<string, number>, endedMs: number) {
  const runs = ran.flatMap(({ stderr }, instance) => runsIn(stderr, instance))
  const summary: string[] = []
  const violations: string[] = []
  for (const [job, ofJob] of Map.groupBy(runs, run => run.job)) {
    const ordered = ofJob.toSorted((a, b) => a.fence - b.fence)
    const fences = new Set(ordered.map(({ fence }) => fence))
    if (fences.size < ordered.length) violations.push(`${job} ran twice under one number of its lease`)
    for (const [at, run] of ordered.entries()) {
      const before = ordered[at - 1]
      if (before && run.startMs + roundingMs < before.endMs) violations.push(`two runs of ${job} overlap`)
      const everyMs = periods.get(job) ?? 0
      const isEnded = run.startMs > endedMs || (before && before.endMs > endedMs)
      if (before && !isEnded && run.startMs - before.startMs < everyMs - leaseTakenMs) {
        violations.push(`two runs of ${job} within ${run.startMs - before.startMs} ms, a period has ${everyMs}`)
      }
    }
    const given = leases.get(job) ?? 0
    const unfinished = given - ordered.length
    const killed = ran.filter(({ signal }) => signal !== null).length
    if (given < (ordered.at(-1)?.fence ?? 0)) violations.push(`${job} ran under a number that no lease has`)
    if (unfinished > killed + failuresIn(ran, job)) violations.push(`${unfinished} runs of ${job} left no line`)
    const by = new Set(ordered.map(({ instance }) => instance)).size
    summary.push(`  ${job.padEnd(18)} ${ordered.length} runs by ${by} instances, ${given} numbers given out`)
  }
  if (runs.length === 0) violations.push('no job ran')
  return { summary, violations }
}

function runsIn(stderr: string, instance: number): readonly Run[] {
  return linesOf(stderr, 'job done').flatMap(({ job, fence, time, durationMs = 0 }) => {
    const endMs = Date.parse(time)
    return fence === undefined ? [] : [{ job, fence, endMs, startMs: endMs - durationMs, instance }]
  })
}

/** A run that failed has had its number too. */
function failuresIn(ran: readonly Ran[], job: string): number {
  return ran.flatMap(({ stderr }) => linesOf(stderr, 'job failed')).filter(line => line.job === job).length
}

function linesOf(stderr: string, msg: string): readonly Line[] {
  return stderr
    .split('\n')
    .filter(line => line.includes(`"msg":"${msg}"`))
    .map(line => JSON.parse(line) as Line)
}
