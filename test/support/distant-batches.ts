import type { TrailBatch, TrailBatches } from '../../src/ports/trail-batches.ts'
import type { ManualClock } from './manual-clock.ts'

/** How far away a store is, in milliseconds of the test's clock: one way, and until an insert is durable there. */
interface Distance {
  readonly wayMs: number
  readonly durableMs: number
}

/** A real store at the far end of a way that takes time, for one writer; counts what its inserts came to. */
export class DistantBatches implements TrailBatches {
  readonly #inner: TrailBatches
  readonly #clock: ManualClock
  readonly #distance: Distance
  /** Calls that are at the real store now, where the test's clock does not count. */
  atWork = 0
  inserted = 0
  taken = 0

  constructor(inner: TrailBatches, clock: ManualClock, distance: Distance) {
    this.#inner = inner
    this.#clock = clock
    this.#distance = distance
  }

  async insert(batch: TrailBatch): Promise<'inserted' | 'taken'> {
    const end = await this.#there(() => this.#inner.insert(batch), this.#distance.durableMs)
    if (end === 'inserted') this.inserted++
    else this.taken++
    return end
  }

  find(log: string, seq: number): Promise<TrailBatch | undefined> {
    return this.#there(() => this.#inner.find(log, seq))
  }

  tail(log: string): Promise<TrailBatch | undefined> {
    return this.#there(() => this.#inner.tail(log))
  }

  range(log: string, fromSeq: number, limit: number): Promise<readonly TrailBatch[]> {
    return this.#there(() => this.#inner.range(log, fromSeq, limit))
  }

  holding(log: string, index: number): Promise<TrailBatch | undefined> {
    return this.#there(() => this.#inner.holding(log, index))
  }

  logs(): Promise<readonly string[]> {
    return this.#there(() => this.#inner.logs())
  }

  ready(): Promise<void> {
    return this.#there(() => this.#inner.ready())
  }

  async #there<Answer>(call: () => Promise<Answer>, moreMs = 0): Promise<Answer> {
    await this.#clock.sleep(this.#distance.wayMs)
    this.atWork++
    try {
      return await call()
    } finally {
      this.atWork--
      await this.#clock.sleep(moreMs + this.#distance.wayMs)
    }
  }
}
