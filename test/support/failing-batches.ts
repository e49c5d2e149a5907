import { VaultError } from '../../src/domain/errors.ts'
import type { TrailBatch, TrailBatches } from '../../src/ports/trail-batches.ts'

/**
 * How an insert goes wrong: whether the batch reaches the store, and what the writer hears of it. `lands-late` reaches the
 * store only when the test calls `landLate`.
 */
export type InsertFault = 'throws-before' | 'throws-after' | 'hangs-before' | 'hangs-after' | 'lands-late' | 'full'

/** A real store of batches with a failing way to it. */
export class FailingBatches implements TrailBatches {
  readonly #inner: TrailBatches
  /** What happens to the next inserts, one each; none left means that they go well. */
  readonly inserts: InsertFault[] = []
  /** So many of the next reads do not see what is there, as on a store whose majority lags. */
  blindReads = 0
  /** Every read throws, every insert throws before. */
  isDown = false
  /** Inserts that were asked for. */
  asked = 0
  #late: TrailBatch[] = []

  constructor(inner: TrailBatches) {
    this.#inner = inner
  }

  async insert(batch: TrailBatch): Promise<'inserted' | 'taken'> {
    this.asked++
    const fault = this.isDown ? 'throws-before' : this.inserts.shift()
    if (fault === undefined) return this.#inner.insert(batch)
    if (fault === 'full') throw new VaultError('storage.full')
    if (fault === 'lands-late') this.#late.push(batch)
    if (fault.endsWith('-after')) await this.#inner.insert(batch)
    if (fault.startsWith('hangs')) return new Promise(() => {})
    throw new VaultError('trail.unavailable')
  }

  /** What was held back reaches the store now. */
  async landLate(): Promise<readonly ('inserted' | 'taken')[]> {
    const late = this.#late
    this.#late = []
    return Promise.all(late.map(batch => this.#inner.insert(batch)))
  }

  async find(log: string, seq: number): Promise<TrailBatch | undefined> {
    const found = await this.#read(() => this.#inner.find(log, seq))
    return this.#isBlind() ? undefined : found
  }

  tail(log: string): Promise<TrailBatch | undefined> {
    return this.#read(() => this.#inner.tail(log))
  }

  async range(log: string, fromSeq: number, limit: number): Promise<readonly TrailBatch[]> {
    const found = await this.#read(() => this.#inner.range(log, fromSeq, limit))
    return this.#isBlind() ? [] : found
  }

  holding(log: string, index: number): Promise<TrailBatch | undefined> {
    return this.#read(() => this.#inner.holding(log, index))
  }

  logs(): Promise<readonly string[]> {
    return this.#read(() => this.#inner.logs())
  }

  ready(): Promise<void> {
    return this.#read(() => this.#inner.ready())
  }

  #isBlind(): boolean {
    if (this.blindReads === 0) return false
    this.blindReads--
    return true
  }

  async #read<Answer>(read: () => Promise<Answer>): Promise<Answer> {
    if (this.isDown) throw new VaultError('trail.unavailable')
    return read()
  }
}
