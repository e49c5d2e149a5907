import type { Clock } from '../ports/clock.ts'

/** The machine's own clock and timers. */
export class SystemClock implements Clock {
  nowMs(): number {
    return Date.now()
  }

  /** Node's own promised timer would make an AbortError, with its stack, for each sleep that is cut short. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error)
      const leave = (): void => {
        clearTimeout(timer)
        reject(signal?.reason as Error)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }, ms)
      signal?.addEventListener('abort', leave, { once: true })
    })
  }
}
