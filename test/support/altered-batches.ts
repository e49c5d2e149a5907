import type { TrailBatch, TrailBatches } from '../../src/ports/trail-batches.ts'

/** What a damaged store would give in place of a batch; undefined where the batch is gone. */
export type Alter = (batch: TrailBatch) => TrailBatch | undefined

/** A real store of batches seen through damage; what is stored stays as it is. */
export class AlteredBatches implements TrailBatches {
  readonly #inner: TrailBatches
  readonly #alter: Alter

  constructor(inner: TrailBatches, alter: Alter) {
    this.#inner = inner
    this.#alter = alter
  }

  async range(log: string, fromSeq: number, limit: number): Promise<readonly TrailBatch[]> {
    const some = await this.#inner.range(log, fromSeq, 10_000)
    return some
      .map(this.#alter)
      .filter(batch => batch !== undefined)
      .slice(0, limit)
  }

  async find(log: string, seq: number): Promise<TrailBatch | undefined> {
    return this.#seen(await this.#inner.find(log, seq))
  }

  async tail(log: string): Promise<TrailBatch | undefined> {
    return (await this.range(log, 0, 10_000)).at(-1)
  }

  async holding(log: string, index: number): Promise<TrailBatch | undefined> {
    return this.#seen(await this.#inner.holding(log, index))
  }

  async logs(): Promise<readonly string[]> {
    const seen = await Promise.all((await this.#inner.logs()).map(async log => ((await this.tail(log)) ? [log] : [])))
    return seen.flat()
  }

  insert(batch: TrailBatch): Promise<'inserted' | 'taken'> {
    return this.#inner.insert(batch)
  }

  ready(): Promise<void> {
    return this.#inner.ready()
  }

  #seen(batch: TrailBatch | undefined): TrailBatch | undefined {
    return batch && this.#alter(batch)
  }
}
