import { randomBytes } from 'node:crypto'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { TenantId } from '../domain/ids.ts'
import type { EncryptedDataKey, Rewrapped, WrappedKey, WrappedKeys } from '../ports/wrapped-keys.ts'
import { isKeyThere as isThere } from './sqlite-schema.ts'
import type { SqliteThread, SqlRow } from './sqlite-thread.ts'

const columns = 'id, tenant, document, epoch, edks, created_ms, rewrap_log, rewrap_index'
const insert = `INSERT INTO wrapped_key (${columns}) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
  WHERE NOT EXISTS (SELECT 1 FROM closed_epoch WHERE tenant = ?2 AND epoch = ?4)`
const find = `SELECT ${columns} FROM wrapped_key WHERE id = ? AND ${isThere}`
const epochsOf = `SELECT id, epoch FROM wrapped_key WHERE id IN (SELECT value FROM json_each(?)) AND ${isThere}`
/** What a row was stays behind as zeros under another name of the same length, and what it becomes is a row of its own. */
const leave = `UPDATE wrapped_key SET id = ?1, edks = zeroblob(length(edks))
  WHERE id = ?2 AND epoch = ?3 AND length(id) = length(?1) AND ${isThere}`
const follow = `INSERT INTO wrapped_key (${columns})
  SELECT ?2, tenant, document, ?3, ?4, created_ms, ?5, ?6 FROM wrapped_key WHERE id = ?1`
/** Named by their hidden number they are put side by side in the index, and none is named like another. */
const destroy = `UPDATE wrapped_key
  SET id = printf('old/%0*d', length(id) - 4, rowid), edks = zeroblob(length(edks))
  WHERE id IN (SELECT value FROM json_each(?)) AND ${isThere}`
/** An empty list holds no secret and cannot be told from zeros: its row goes. */
const forgetEmpty = 'DELETE FROM wrapped_key WHERE id IN (SELECT value FROM json_each(?)) AND length(edks) = 2'
const list = `SELECT ${columns} FROM wrapped_key WHERE id > ? AND ${isThere} ORDER BY id LIMIT ?`
const listUnder = `SELECT ${columns} FROM wrapped_key WHERE epoch = ? AND tenant = ? AND id > ? AND ${isThere} ORDER BY id LIMIT ?`
const countUnder = `SELECT count(*) AS n FROM wrapped_key WHERE epoch = ? AND ${isThere}`
const closeEpoch = 'INSERT OR IGNORE INTO closed_epoch (tenant, epoch) VALUES (?, ?)'

/**
 * Wrapped data keys in `wrapped-keys.sqlite`. What is destroyed or replaced is overwritten with zeros where it lies, and its row
 * stays: a row that is deleted or grows lets SQLite merge and split pages, and what moves from page to page leaves copies in the
 * unused middle of the old one, which `secure_delete` does not reach. Rows come one after the other by their hidden number, so
 * nothing is moved when one is added. The write-ahead log still holds older pages until it is emptied, so `destroy` waits for
 * that.
 *
 * @source SQLite database file format, 1.6 (unallocated space of a b-tree page); an update that keeps the size of its row is
 *   made in place
 */
export class SqliteWrappedKeys implements WrappedKeys {
  readonly #thread: SqliteThread

  constructor(thread: SqliteThread) {
    this.#thread = thread
  }

  async put(_by: Grant, key: WrappedKey): Promise<'stored' | 'exists'> {
    const { id, tenant, document, epoch, edks, createdAtMs, rewrapped } = key
    const place = [rewrapped?.log ?? null, rewrapped?.index ?? null]
    const params = [id, tenant, document, epoch, packEdks(edks), createdAtMs, ...place]
    const written = await this.#thread.write('wrapped-keys', [{ sql: insert, params, changes: 1 }])
    if (written.done) return 'stored'
    if (written.rule !== 'changes') return 'exists'
    throw new VaultError('keys.unavailable', { detail: 'epoch.closed', retryAfterSeconds: 1 })
  }

  async get(id: string): Promise<WrappedKey | undefined> {
    const [row] = await this.#thread.read('wrapped-keys', find, [id])
    return row && keyOf(row)
  }

  async epochsOf(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return epochsIn(await this.#thread.read('wrapped-keys', epochsOf, [JSON.stringify(ids)]))
  }

  async replace(_by: Grant, id: string, expectedEpoch: string, next: Rewrapped): Promise<boolean> {
    const { epoch, edks, rewrapped } = next
    const left = `old/${randomBytes(id.length).toString('hex')}`.slice(0, id.length)
    const written = await this.#thread.write('wrapped-keys', [
      { sql: leave, params: [left, id, expectedEpoch], changes: 1 },
      { sql: follow, params: [left, id, epoch, packEdks(edks), rewrapped.log, rewrapped.index], changes: 1 },
      { sql: forgetEmpty, params: [JSON.stringify([left])] },
    ])
    return written.done
  }

  async destroy(_by: Grant, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const params = [JSON.stringify(ids)]
    const overwritten = this.#thread.write('wrapped-keys', [
      { sql: epochsOf, params },
      { sql: forgetEmpty, params },
      { sql: destroy, params },
    ])
    // Asked for in the same breath: what is queued after the write is done after it, also when nothing was left to overwrite.
    const [written] = await Promise.all([overwritten, this.#thread.emptyLog('wrapped-keys')])
    return epochsIn(written.done ? written.rows : [])
  }

  async list(page: { readonly after?: string; readonly limit: number }): Promise<readonly WrappedKey[]> {
    return (await this.#thread.read('wrapped-keys', list, [page.after ?? '', page.limit])).map(keyOf)
  }

  async listUnder(
    epoch: string,
    tenant: TenantId,
    page: { readonly after?: string; readonly limit: number },
  ): Promise<readonly WrappedKey[]> {
    const params = [epoch, tenant, page.after ?? '', page.limit]
    return (await this.#thread.read('wrapped-keys', listUnder, params)).map(keyOf)
  }

  async countUnder(epoch: string, tenant?: TenantId): Promise<number> {
    const [row] =
      tenant === undefined
        ? await this.#thread.read('wrapped-keys', countUnder, [epoch])
        : await this.#thread.read('wrapped-keys', `${countUnder} AND tenant = ?`, [epoch, tenant])
    return row?.n as number
  }

  async closeEpoch(_by: Grant, epoch: string, tenant: TenantId): Promise<void> {
    await this.#thread.write('wrapped-keys', [{ sql: closeEpoch, params: [tenant, epoch] }])
  }
}

function epochsIn(rows: readonly SqlRow[]): ReadonlyMap<string, string> {
  return new Map(rows.map(({ id, epoch }) => [id as string, epoch as string]))
}

function keyOf(row: SqlRow): WrappedKey {
  return {
    id: row.id as string,
    tenant: row.tenant as TenantId,
    document: row.document as string,
    epoch: row.epoch as string,
    edks: unpackEdks(row.edks as Uint8Array),
    createdAtMs: row.created_ms as number,
    ...(row.rewrap_log === null
      ? {}
      : { rewrapped: { log: row.rewrap_log as string, index: row.rewrap_index as number } }),
  }
}

/**
 * The encrypted data keys of a message header: their count, then of each provider, info and blob, every number and length a
 * big-endian uint16.
 *
 * @source AWS Encryption SDK message format, "Encrypted data key(s)"
 */
function packEdks(edks: readonly EncryptedDataKey[]): Uint8Array {
  const encoder = new TextEncoder()
  const fields = edks.flatMap(({ provider, info, blob }) => [encoder.encode(provider), info, blob])
  const packed = new Uint8Array(fields.reduce((sum, field) => sum + 2 + field.length, 2))
  const view = new DataView(packed.buffer)
  view.setUint16(0, edks.length)
  let at = 2
  for (const field of fields) {
    if (field.length > 0xff_ff) throw new RangeError('a field of an encrypted data key has at most 65,535 bytes')
    view.setUint16(at, field.length)
    packed.set(field, at + 2)
    at += 2 + field.length
  }
  return packed
}

function unpackEdks(packed: Uint8Array): readonly EncryptedDataKey[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let at = 2
  const field = (): Uint8Array => {
    const start = at + 2
    at = start + view.getUint16(at)
    return packed.slice(start, at)
  }
  return Array.from({ length: view.getUint16(0) }, () => ({
    provider: decoder.decode(field()),
    info: field(),
    blob: field(),
  }))
}
