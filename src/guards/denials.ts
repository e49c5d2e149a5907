import type { Caller } from '../domain/caller.ts'
import type { EntryDraft } from '../domain/entry.ts'
import { limits } from '../domain/media.ts'

const minuteMs = 60_000

interface Count {
  readonly caller: Caller
  readonly minute: number
  refused: number
  turnedAway: number
}

/**
 * Counts refusals of each caller by the minute. Up to the limit each refusal has an entry of its own; past it the caller is
 * turned away before any look-up, and the minute's total becomes one entry. Callers without a credential are only counted.
 * Held in memory: a restart forgets at most one minute's count, never an entry.
 */
export class Denials {
  readonly #counts = new Map<string, Count>()
  #anonymous = { minute: 0, count: 0 }
  #due: EntryDraft[] = []

  /** Counts one refusal that has an entry of its own. */
  countRefusal(caller: Caller, nowMs: number): void {
    this.#of(caller, nowMs).refused++
  }

  /** True when the caller has used up the minute's refusals; the request is then counted and must be answered with 429. */
  turnAway(caller: Caller, nowMs: number): boolean {
    const count = this.#of(caller, nowMs)
    if (count.refused < limits.denialsPerCallerAndMinute) return false
    count.turnedAway++
    return true
  }

  /** Counts one request without a valid credential. */
  countAnonymous(nowMs: number): void {
    const minute = Math.floor(nowMs / minuteMs)
    if (this.#anonymous.minute !== minute) this.#closeAnonymous(minute)
    this.#anonymous.count++
  }

  /** The entries of every minute that ended before `nowMs`; all minutes with `ending`. Each is given once. */
  takeDue(nowMs: number, ending = false): readonly EntryDraft[] {
    const minute = Math.floor(nowMs / minuteMs)
    for (const [key, count] of this.#counts) {
      if (!ending && count.minute === minute) continue
      this.#counts.delete(key)
      this.#close(count)
    }
    if (ending || this.#anonymous.minute !== minute) this.#closeAnonymous(minute)
    const due = this.#due
    this.#due = []
    return due
  }

  /** Entries that could not be written: due again. */
  giveBack(drafts: readonly EntryDraft[]): void {
    this.#due.push(...drafts)
  }

  #of(caller: Caller, nowMs: number): Count {
    const minute = Math.floor(nowMs / minuteMs)
    const key = `${caller.tenant ?? ''}\n${caller.id}`
    const known = this.#counts.get(key)
    if (known?.minute === minute) return known
    if (known) this.#close(known)
    const fresh = { caller, minute, refused: 0, turnedAway: 0 }
    this.#counts.set(key, fresh)
    return fresh
  }

  #close(count: Count): void {
    if (count.turnedAway === 0) return
    const detail = { n: count.turnedAway, minute: count.minute }
    this.#due.push({ act: 'refusals.counted', out: 'note', why: 'budget.denials', caller: count.caller, detail })
  }

  #closeAnonymous(minute: number): void {
    const { count } = this.#anonymous
    if (count > 0) {
      const detail = { n: count, minute: this.#anonymous.minute }
      this.#due.push({ act: 'refusals.counted', out: 'note', why: 'credential.invalid', caller: undefined, detail })
    }
    this.#anonymous = { minute, count: 0 }
  }
}
