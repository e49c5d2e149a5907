import type { Clock } from '../../src/ports/clock.ts'

interface Sleeper {
  readonly untilMs: number
  readonly wake: () => void
}

/** Time stands still until the test lets it pass. */
export class ManualClock implements Clock {
  #nowMs: number
  #sleepers: readonly Sleeper[] = []

  constructor(nowMs: number) {
    this.#nowMs = nowMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const sleeper = { untilMs: this.#nowMs + ms, wake: resolve }
    this.#sleepers = [...this.#sleepers, sleeper]
    const abort = (): void => {
      this.#sleepers = this.#sleepers.filter(other => other !== sleeper)
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', abort, { once: true })
    await promise
    signal?.removeEventListener('abort', abort)
  }

  /** Lets `ms` pass and wakes whoever slept until then. */
  advance(ms: number): void {
    this.#nowMs += ms
    const due = this.#sleepers.filter(({ untilMs }) => untilMs <= this.#nowMs)
    this.#sleepers = this.#sleepers.filter(sleeper => !due.includes(sleeper))
    for (const { wake } of due) wake()
  }
}
