import { type Entry, parseEntry } from '../domain/entry.ts'
import { entriesOf } from '../guards/entry-bundle.ts'
import type { TrailBatch, TrailBatches } from '../ports/trail-batches.ts'

const kept = 16

/**
 * Entries by their place. Rows that follow each other were mostly stored in batches that follow each other, so the last few
 * batches are kept.
 */
export class EntryReader {
  readonly #batches: Pick<TrailBatches, 'holding'>
  readonly #recent: TrailBatch[] = []

  constructor(batches: Pick<TrailBatches, 'holding'>) {
    this.#batches = batches
  }

  /** @returns undefined when nothing stands there, or nothing that can be read */
  async at({ log, index }: { readonly log: string; readonly index: number }): Promise<Entry | undefined> {
    const batch = this.#recent.find(one => holds(one, log, index)) ?? (await this.#fetch(log, index))
    if (!batch) return undefined
    try {
      const bytes = entriesOf(batch.entries)[index - batch.first]
      return bytes && parseEntry(bytes)
    } catch {
      // Whatever is unreadable is reported once, by the pass over the whole trail.
      return undefined
    }
  }

  async #fetch(log: string, index: number): Promise<TrailBatch | undefined> {
    const batch = await this.#batches.holding(log, index)
    if (!batch || !holds(batch, log, index)) return undefined
    this.#recent.unshift(batch)
    this.#recent.length = Math.min(this.#recent.length, kept)
    return batch
  }
}

function holds(batch: TrailBatch, log: string, index: number): boolean {
  return batch.log === log && batch.first <= index && index < batch.first + batch.n
}
