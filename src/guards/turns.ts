/**
 * Shares the event loop: work in small steps asks `due()` after each and awaits `take()` when it is. Measured in time, since
 * one frame takes 8 µs on one processor and 60 on another, while a turn costs about 3 on both.
 */
export class Turns {
  readonly #sliceMs: number
  #since = performance.now()

  /** @param sliceMs how long others may be kept waiting, in milliseconds */
  constructor(sliceMs: number) {
    this.#sliceMs = sliceMs
  }

  due(): boolean {
    return performance.now() - this.#since >= this.#sliceMs
  }

  /** Resolves after everything else that was ready has run. */
  async take(): Promise<void> {
    await new Promise(resolve => {
      setImmediate(resolve)
    })
    this.#since = performance.now()
  }
}
