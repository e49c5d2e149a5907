import type { Grant } from '../domain/grant.ts'
import type { TenantId } from '../domain/ids.ts'
import type { EncryptedDataKey, WrappedKey, WrappedKeys } from '../ports/wrapped-keys.ts'
import type { SqliteThread, SqlRow } from './sqlite-thread.ts'

const columns = 'id, tenant, document, epoch, edks, created_ms'
const insert = `INSERT INTO wrapped_key (${columns}) VALUES (?, ?, ?, ?, ?, ?)`
const find = `SELECT ${columns} FROM wrapped_key WHERE id = ?`
const replace = 'UPDATE wrapped_key SET epoch = ?, edks = ? WHERE id = ? AND epoch = ?'
const destroy = 'DELETE FROM wrapped_key WHERE id IN (SELECT value FROM json_each(?))'
const list = `SELECT ${columns} FROM wrapped_key WHERE id > ? ORDER BY id LIMIT ?`

/**
 * Wrapped data keys in `wrapped-keys.sqlite`, which overwrites what it deletes (`secure_delete`). The write-ahead log still
 * holds older pages until it is emptied, so `destroy` waits for that.
 */
export class SqliteWrappedKeys implements WrappedKeys {
  readonly #thread: SqliteThread

  constructor(thread: SqliteThread) {
    this.#thread = thread
  }

  async put(_by: Grant, key: WrappedKey): Promise<'stored' | 'exists'> {
    const { id, tenant, document, epoch, edks, createdAtMs } = key
    const params = [id, tenant, document, epoch, packEdks(edks), createdAtMs]
    const written = await this.#thread.write('wrapped-keys', [{ sql: insert, params }])
    return written.done ? 'stored' : 'exists'
  }

  async get(id: string): Promise<WrappedKey | undefined> {
    const [row] = await this.#thread.read('wrapped-keys', find, [id])
    return row && keyOf(row)
  }

  async replace(
    _by: Grant,
    id: string,
    expectedEpoch: string,
    epoch: string,
    edks: readonly EncryptedDataKey[],
  ): Promise<boolean> {
    const params = [epoch, packEdks(edks), id, expectedEpoch]
    const written = await this.#thread.write('wrapped-keys', [{ sql: replace, params, changes: 1 }])
    return written.done
  }

  async destroy(_by: Grant, ids: readonly string[]): Promise<void> {
    const deleted = this.#thread.write('wrapped-keys', [{ sql: destroy, params: [JSON.stringify(ids)] }])
    // Asked for in the same breath: what is queued after the delete is done after it, also when nothing was left to delete.
    await Promise.all([deleted, this.#thread.emptyLog('wrapped-keys')])
  }

  async list(page: { readonly after?: string; readonly limit: number }): Promise<readonly WrappedKey[]> {
    return (await this.#thread.read('wrapped-keys', list, [page.after ?? '', page.limit])).map(keyOf)
  }
}

function keyOf(row: SqlRow): WrappedKey {
  return {
    id: row.id as string,
    tenant: row.tenant as TenantId,
    document: row.document as string,
    epoch: row.epoch as string,
    edks: unpackEdks(row.edks as Uint8Array),
    createdAtMs: row.created_ms as number,
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
