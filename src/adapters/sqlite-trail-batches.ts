import type { TrailBatch, TrailBatches } from '../ports/trail-batches.ts'
import type { SqliteThread, SqlRow } from './sqlite-thread.ts'

const columns = 'log, seq, first, n, prev_root, root, frontier, entries, inst, nonce, time_ms'
const insert = `INSERT INTO batch (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
const find = `SELECT ${columns} FROM batch WHERE log = ? AND seq = ?`
const tail = `SELECT ${columns} FROM batch WHERE log = ? ORDER BY seq DESC LIMIT 1`
const range = `SELECT ${columns} FROM batch WHERE log = ? AND seq >= ? ORDER BY seq LIMIT ?`
const holding = `SELECT ${columns} FROM batch WHERE log = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1`
/** Hops from log to log along the primary key: a plain DISTINCT would walk every batch. */
const logs = `WITH RECURSIVE hop (log) AS (
  SELECT min(log) FROM batch
  UNION ALL SELECT (SELECT min(log) FROM batch WHERE batch.log > hop.log) FROM hop WHERE hop.log IS NOT NULL
) SELECT log FROM hop WHERE log IS NOT NULL ORDER BY log`
const probe = 'UPDATE probe SET n = n + 1 WHERE id = 1'

/** Batches of the trail in `trail.sqlite`, whose triggers refuse every update and delete. */
export class SqliteTrailBatches implements TrailBatches {
  readonly #thread: SqliteThread

  constructor(thread: SqliteThread) {
    this.#thread = thread
  }

  async insert(batch: TrailBatch): Promise<'inserted' | 'taken'> {
    const { log, seq, first, n, prevRoot, root, frontier, entries, inst, nonce, timeMs } = batch
    const params = [log, seq, first, n, prevRoot, root, frontier, entries, inst, nonce, timeMs]
    const written = await this.#thread.write('trail', [{ sql: insert, params }])
    return written.done ? 'inserted' : 'taken'
  }

  async find(log: string, seq: number): Promise<TrailBatch | undefined> {
    return (await this.#read(find, [log, seq]))[0]
  }

  async tail(log: string): Promise<TrailBatch | undefined> {
    return (await this.#read(tail, [log]))[0]
  }

  range(log: string, fromSeq: number, limit: number): Promise<readonly TrailBatch[]> {
    return this.#read(range, [log, fromSeq, limit])
  }

  async holding(log: string, index: number): Promise<TrailBatch | undefined> {
    const batch = (await this.#read(holding, [log, index]))[0]
    return batch !== undefined && index < batch.first + batch.n ? batch : undefined
  }

  async logs(): Promise<readonly string[]> {
    return (await this.#thread.read('trail', logs, [])).map(row => row.log as string)
  }

  /** Makes a real, durable write beside the batches: a lock alone would not notice a full disk. */
  async ready(): Promise<void> {
    await this.#thread.write('trail', [{ sql: probe, params: [], changes: 1 }])
  }

  async #read(sql: string, params: readonly (string | number)[]): Promise<readonly TrailBatch[]> {
    return (await this.#thread.read('trail', sql, params)).map(batchOf)
  }
}

/** The schema is STRICT: a column holds what it is declared to hold. */
function batchOf(row: SqlRow): TrailBatch {
  return {
    log: row.log as string,
    seq: row.seq as number,
    first: row.first as number,
    n: row.n as number,
    prevRoot: row.prev_root as Uint8Array,
    root: row.root as Uint8Array,
    frontier: row.frontier as Uint8Array,
    entries: row.entries as Uint8Array,
    inst: row.inst as string,
    nonce: row.nonce as Uint8Array,
    timeMs: row.time_ms as number,
  }
}
