import { setTimeout as after } from 'node:timers/promises'
import type { Change } from '../ports/ledger.ts'
import { monotonicMs } from './sqlite-message.ts'
import type { SqliteThread } from './sqlite-thread.ts'

/** So long at most a job waits for its end; the scrub of a large ledger goes on behind it. */
const patienceMs = 2_000
/** What a scrub takes beyond that is at most one part in so many of the time: after a long one the next waits. */
const restTimes = 20

/**
 * Makes what the ledger forgets be forgotten by its file too: with the end of each job in which something was forgotten, and
 * of the first after a start, since nobody knows what the process before it left.
 */
export class SqliteForgetting {
  readonly #thread: SqliteThread
  #hasForgotten = true
  #notBeforeMs = 0
  #scrubbing: Promise<void> | undefined

  constructor(thread: SqliteThread) {
    this.#thread = thread
  }

  /** To be told before they are written, so that a scrub that is asked for afterwards sees them. */
  note(changes: readonly Change[]): void {
    this.#hasForgotten ||= changes.some(change => 'forget' in change || isTombstone(change))
  }

  /** Returns when the file holds nothing of it any more, or after 2 s. What failed or waits is done with the end of a later job. */
  async finish(): Promise<void> {
    if (this.#hasForgotten && !this.#scrubbing && monotonicMs() >= this.#notBeforeMs) {
      this.#scrubbing = this.#scrub()
    }
    if (!this.#scrubbing) return
    const patience = new AbortController()
    await Promise.race([
      this.#scrubbing,
      after(patienceMs, undefined, { signal: patience.signal }).catch(() => undefined),
    ])
    patience.abort()
  }

  async #scrub(): Promise<void> {
    const beganMs = monotonicMs()
    this.#hasForgotten = false
    try {
      await this.#thread.scrub('ledger')
      const endedMs = monotonicMs()
      this.#notBeforeMs = endedMs + restTimes * Math.max(0, endedMs - beganMs - patienceMs)
    } catch {
      this.#hasForgotten = true
    } finally {
      this.#scrubbing = undefined
    }
  }
}

function isTombstone(change: Change): boolean {
  return change.row === 'document' && 'put' in change && change.put.state === 'purged'
}
