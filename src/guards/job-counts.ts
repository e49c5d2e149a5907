/** How often a job ended, and when it last ended well. */
export interface JobCount {
  readonly job: string
  readonly done: number
  readonly failed: number
  /** Epoch ms; absent before the first. */
  readonly lastDoneAtMs?: number
}

/** What the jobs of this process came to, for its metrics; a job that another process held the lease of is no run of this one. */
export class JobCounts {
  readonly #counts = new Map<string, JobCount>()

  /** Every job is told of from the start on: one that never ran is seen as such. */
  expect(job: string): void {
    this.#counts.set(job, { job, done: 0, failed: 0 })
  }

  /** Counts a run that came to its end. */
  done(job: string, nowMs: number): void {
    const { done, ...known } = this.#of(job)
    this.#counts.set(job, { ...known, done: done + 1, lastDoneAtMs: nowMs })
  }

  /** Counts a run that threw. */
  failed(job: string): void {
    const { failed, ...known } = this.#of(job)
    this.#counts.set(job, { ...known, failed: failed + 1 })
  }

  /** In the order in which they were first heard of. */
  all(): readonly JobCount[] {
    return [...this.#counts.values()]
  }

  #of(job: string): JobCount {
    return this.#counts.get(job) ?? { job, done: 0, failed: 0 }
  }
}
