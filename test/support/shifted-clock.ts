import { SystemClock } from '../../src/adapters/system-clock.ts'
import type { Clock } from '../../src/ports/clock.ts'

/** The machine's timers under a calendar that the test sets: time of day runs on from whatever was set last. */
export class ShiftedClock implements Clock {
  readonly #system = new SystemClock()
  #shiftMs: number

  constructor(nowMs: number) {
    this.#shiftMs = nowMs - this.#system.nowMs()
  }

  set(nowMs: number): void {
    this.#shiftMs = nowMs - this.#system.nowMs()
  }

  nowMs(): number {
    return this.#system.nowMs() + this.#shiftMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#system.sleep(ms, signal)
  }
}
