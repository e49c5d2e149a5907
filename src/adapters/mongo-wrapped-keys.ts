import { type Model, trusted } from 'mongoose'
import type { Grant } from '../domain/grant.ts'
import type { TenantId } from '../domain/ids.ts'
import type { EncryptedDataKey, WrappedKey, WrappedKeys } from '../ports/wrapped-keys.ts'
import { isDuplicate, type MongoConnection } from './mongo-connection.ts'
import { modelOf, type WrappedKeyRow } from './mongo-schema.ts'

const found = { lean: true, maxTimeMS: 2_000 } as const

/**
 * Wrapped data keys in the collection `wrapped_keys` of a database of their own, which general backups leave out. What was
 * destroyed is gone from the collection on a majority; copies live on in the oplog for its window, and in whatever backup was
 * made of this database, until the epoch of their wrapping key ends.
 */
export class MongoWrappedKeys implements WrappedKeys {
  readonly #mongo: MongoConnection
  readonly #keys: Model<WrappedKeyRow>

  constructor(mongo: MongoConnection) {
    this.#mongo = mongo
    this.#keys = modelOf(mongo.connection, 'wrapped_keys')
  }

  async put(_by: Grant, { id, tenant, document, epoch, edks, createdAtMs }: WrappedKey): Promise<'stored' | 'exists'> {
    const row = { _id: id, tenant, document, epoch, edks: rowsOf(edks), createdAtMs }
    try {
      await this.#mongo.ask(session => this.#keys.insertOne(row, { session }))
      return 'stored'
    } catch (error) {
      if (isDuplicate(error)) return 'exists'
      throw error
    }
  }

  async get(id: string): Promise<WrappedKey | undefined> {
    const row = await this.#mongo.ask(session => this.#keys.findOne({ _id: id }, undefined, { ...found, session }))
    return row ? keyOf(row) : undefined
  }

  async replace(
    _by: Grant,
    id: string,
    expectedEpoch: string,
    epoch: string,
    edks: readonly EncryptedDataKey[],
  ): Promise<boolean> {
    const { matchedCount } = await this.#mongo.ask(session =>
      this.#keys.updateOne({ _id: id, epoch: expectedEpoch }, { $set: { epoch, edks: rowsOf(edks) } }, { session }),
    )
    return matchedCount === 1
  }

  async destroy(_by: Grant, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return
    await this.#mongo.ask(session => this.#keys.deleteMany({ _id: trusted({ $in: ids }) }, { session }))
  }

  async list(page: { readonly after?: string; readonly limit: number }): Promise<readonly WrappedKey[]> {
    const filter = { _id: trusted({ $gt: page.after ?? '' }) }
    const rows = await this.#mongo.ask(session =>
      this.#keys.find(filter, undefined, { ...found, session, sort: { _id: 1 }, limit: page.limit }),
    )
    return rows.map(keyOf)
  }
}

function rowsOf(edks: readonly EncryptedDataKey[]): WrappedKeyRow['edks'] {
  return edks.map(({ provider, info, blob }) => ({ provider, info: Buffer.from(info), blob: Buffer.from(blob) }))
}

function keyOf({ _id: id, tenant, document, epoch, edks, createdAtMs }: WrappedKeyRow): WrappedKey {
  return {
    id,
    tenant: tenant as TenantId,
    document,
    epoch,
    edks: edks.map(({ provider, info, blob }) => ({
      provider,
      info: new Uint8Array(info),
      blob: new Uint8Array(blob),
    })),
    createdAtMs,
  }
}
