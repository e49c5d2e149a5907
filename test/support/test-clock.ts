import { setTimeout as timer } from 'node:timers/promises'
import type { Clock } from '../../src/ports/clock.ts'

/** The machine's clock, moved ahead on demand; with a speed, waiting takes that much less time than it says. */
export class TestClock implements Clock {
  #aheadMs = 0
  speed = 1

  nowMs(): number {
    return Date.now() + Math.floor(this.#aheadMs)
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await timer(ms / this.speed, undefined, signal === undefined ? {} : { signal })
    if (this.speed > 1) this.#aheadMs += ms - ms / this.speed
  }

  advance(ms: number): void {
    this.#aheadMs += ms
  }
}
