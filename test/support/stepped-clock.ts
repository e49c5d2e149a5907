import { setTimeout as timer } from 'node:timers/promises'
import type { Clock } from '../../src/ports/clock.ts'

/** Stands still until it is moved, forward or back. Waiting takes its time and moves nothing; in a hurry it takes next to none. */
export class SteppedClock implements Clock {
  #nowMs: number
  isInHurry = false

  constructor(nowMs: number) {
    this.#nowMs = nowMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await timer(this.isInHurry ? Math.min(ms, 2) : ms, undefined, signal === undefined ? {} : { signal })
  }

  step(ms: number): void {
    this.#nowMs += ms
  }
}
