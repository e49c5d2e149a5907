import { setTimeout as pause } from 'node:timers/promises'
import type { Clock } from '../ports/clock.ts'

/** The machine's own clock and timers. */
export class SystemClock implements Clock {
  nowMs(): number {
    return Date.now()
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    try {
      await pause(ms, undefined, signal ? { signal } : {})
    } catch (error) {
      // The timer rejects with an AbortError of its own; the port promises the signal's reason.
      throw signal?.aborted ? signal.reason : error
    }
  }
}
