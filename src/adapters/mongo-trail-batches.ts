import { type Model, trusted } from 'mongoose'
import type { TrailBatch, TrailBatches } from '../ports/trail-batches.ts'
import { isDuplicate, type MongoConnection } from './mongo-connection.ts'
import { type BatchRow, modelOf, type ProbeRow } from './mongo-schema.ts'

const found = { lean: true, maxTimeMS: 2_000 } as const

/**
 * Batches of the trail in the collection `trail_batches`, unique by (log, seq). The vault's database user needs the rights to
 * insert and find there, and none to update or remove. After a failure it is not known whether a batch is there; whoever
 * wrote it looks by its nonce.
 */
export class MongoTrailBatches implements TrailBatches {
  readonly #mongo: MongoConnection
  readonly #batches: Model<BatchRow>
  readonly #probes: Model<ProbeRow>

  constructor(mongo: MongoConnection) {
    this.#mongo = mongo
    this.#batches = modelOf(mongo.connection, 'trail_batches')
    this.#probes = modelOf(mongo.connection, 'trail_probes')
  }

  async insert(batch: TrailBatch): Promise<'inserted' | 'taken'> {
    try {
      // Without a document of mongoose around it: that would copy every byte of it again.
      await this.#mongo.ask(session => this.#batches.collection.insertOne(rowOf(batch), { session }))
      return 'inserted'
    } catch (error) {
      if (isDuplicate(error)) return 'taken'
      throw error
    }
  }

  find(log: string, seq: number): Promise<TrailBatch | undefined> {
    return this.#one({ log, seq }, { seq: 1 })
  }

  tail(log: string): Promise<TrailBatch | undefined> {
    return this.#one({ log }, { seq: -1 })
  }

  async range(log: string, fromSeq: number, limit: number): Promise<readonly TrailBatch[]> {
    const filter = { log, seq: trusted({ $gte: fromSeq }) }
    const rows = await this.#mongo.ask(session =>
      this.#batches.find(filter, undefined, { ...found, session, sort: { seq: 1 }, limit }),
    )
    return rows.map(batchOf)
  }

  async holding(log: string, index: number): Promise<TrailBatch | undefined> {
    const batch = await this.#one({ log, first: trusted({ $lte: index }) }, { first: -1 })
    return batch !== undefined && index < batch.first + batch.n ? batch : undefined
  }

  async logs(): Promise<readonly string[]> {
    const names = await this.#mongo.ask(session => this.#batches.distinct('log').session(session))
    return names.toSorted()
  }

  /** Makes a real write, durable on a majority, beside the batches. */
  async ready(): Promise<void> {
    await this.#mongo.ask(session =>
      this.#probes.updateOne({ _id: 'ready' }, { $inc: { n: 1 } }, { session, upsert: true }),
    )
  }

  async #one(filter: object, sort: Readonly<Record<string, 1 | -1>>): Promise<TrailBatch | undefined> {
    const row = await this.#mongo.ask(session => this.#batches.findOne(filter, undefined, { ...found, session, sort }))
    return row ? batchOf(row) : undefined
  }
}

function rowOf({ log, seq, first, n, prevRoot, root, frontier, entries, inst, nonce, timeMs }: TrailBatch): BatchRow {
  return {
    log,
    seq,
    first,
    n,
    prevRoot: bytes(prevRoot),
    root: bytes(root),
    frontier: bytes(frontier),
    entries: bytes(entries),
    inst,
    nonce: bytes(nonce),
    timeMs,
  }
}

function batchOf({ log, seq, first, n, prevRoot, root, frontier, entries, inst, nonce, timeMs }: BatchRow): TrailBatch {
  return { log, seq, first, n, prevRoot, root, frontier, entries, inst, nonce, timeMs }
}

/** The same bytes, as the driver wants them. */
function bytes({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
