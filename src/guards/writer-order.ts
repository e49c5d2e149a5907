import type { Clock } from '../ports/clock.ts'

/** Until an own batch was timed. */
const firstGuessMs = 4
/** A turn is never taken to last longer, so that one stall of the store does not make everybody wait. */
const mostMs = 32
/** How much the latest batch tells of how long the next will take. */
const weight = 0.25
/** How often the log is looked at for a batch of those who go first. */
const looksForOthers = 4
/** Who wrote this lately may be trying, and losing, without leaving a trace. */
const rememberedMs = 10_000
/** So may somebody who never won: now and then a writer that seems to be alone leaves a gap, on a store that takes its time. */
const gapEvery = 16
const distantMs = 1
/** The time that losing takes: the answer, a look at what won, and the way back, in turns. */
const gapTurns = 0.75

interface Other {
  readonly seq: number
  readonly seenAtMs: number
  readonly isExpected: boolean
}

/**
 * Who goes next on one log, as far as this writer has seen. Whoever has just won is the fastest to try again and would starve
 * the others; and whoever tries at the same moment as another has sent its batch for nothing. So a writer leaves the next
 * turns to those that it has overtaken, the one whose last batch is the oldest first. It is a courtesy that needs no
 * agreement: where two differ the store decides, as ever. Who lets a turn pass is not expected again until it writes.
 */
export class WriterOrder {
  readonly #clock: Clock
  readonly #others = new Map<string, Other>()
  #ownSeq = -1
  #winsAlone = 0
  #turnMs = firstGuessMs
  #movedAtMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Another writer's batch was followed. */
  saw({ inst, seq }: { readonly inst: string; readonly seq: number }): void {
    this.#movedAtMs = this.#clock.nowMs()
    this.#winsAlone = 0
    this.#others.set(inst, { seq, seenAtMs: this.#movedAtMs, isExpected: true })
  }

  /** An own batch is durable, so many milliseconds after it was begun. */
  wrote(seq: number, tookMs: number): void {
    this.#movedAtMs = this.#clock.nowMs()
    this.#ownSeq = seq
    this.#winsAlone++
    this.#turnMs += weight * (Math.min(Math.max(tookMs, 0), mostMs) - this.#turnMs)
    for (const [inst, { seenAtMs }] of this.#others) {
      if (this.#movedAtMs - seenAtMs > rememberedMs) this.#others.delete(inst)
    }
  }

  /** How many were overtaken and are expected to write before this writer does. */
  get ahead(): number {
    return [...this.#others.values()].filter(({ seq, isExpected }) => isExpected && seq < this.#ownSeq).length
  }

  /**
   * How long to leave the log to others before looking at it, in milliseconds; 0 when it is this writer's turn, or they have
   * had the time for theirs.
   *
   * @param looks how often it was looked at since `ahead` last fell; what others write beyond their turn is no reason to wait
   *   for those who fell silent
   */
  pauseMs(looks: number): number {
    const overtaken = [...this.#others.values()].filter(({ seq }) => seq < this.#ownSeq)
    const { ahead } = this
    // A clock that was set back makes nobody wait longer than one that stands still.
    const idleMs = Math.max(0, this.#clock.nowMs() - this.#movedAtMs)
    if (ahead === 0) {
      const isGapDue = overtaken.length > 0 || this.#winsAlone % gapEvery === gapEvery - 1
      const isGap = looks === 0 && isGapDue && this.#turnMs >= distantMs
      return isGap ? Math.max(0, gapTurns * this.#turnMs - idleMs) : 0
    }
    if (looks >= looksForOthers || (looks === 0 && idleMs > 2 * ahead * this.#turnMs)) return 0
    return Math.max(this.#turnMs / 2, (ahead - 0.5) * this.#turnMs - idleMs)
  }

  /** Those who were waited for let their turn pass. */
  passed(): void {
    for (const [inst, other] of this.#others) {
      if (other.isExpected && other.seq < this.#ownSeq) this.#others.set(inst, { ...other, isExpected: false })
    }
  }
}
