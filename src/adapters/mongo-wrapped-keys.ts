import { type Model, type mongo, trusted } from 'mongoose'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { TenantId } from '../domain/ids.ts'
import type { EncryptedDataKey, Rewrapped, WrappedKey, WrappedKeys } from '../ports/wrapped-keys.ts'
import { isDuplicate, type MongoConnection } from './mongo-connection.ts'
import { type ClosedEpochRow, modelOf, type WrappedKeyRow } from './mongo-schema.ts'

const found = { lean: true, maxTimeMS: 2_000 } as const
const momentMs = 1_000
/** A quarter of a second of a server that is at rest. */
const countedAtOnce = 500_000

/**
 * Wrapped data keys in the collection `wrapped_keys` of a database of their own, which general backups leave out. What was
 * destroyed is gone from the collection on a majority; copies live on in the oplog for its window, and in whatever backup was
 * made of this database, until the epoch of their wrapping key ends.
 */
export class MongoWrappedKeys implements WrappedKeys {
  readonly #mongo: MongoConnection
  readonly #keys: Model<WrappedKeyRow>
  readonly #closed: Model<ClosedEpochRow>
  /** The same rows without a document of mongoose around each: it would take every field apart, at twice the time. */
  readonly #rows: mongo.Collection<WrappedKeyRow>
  /** By id of its closing, when an epoch was last seen without one; as many as there are tenants and epochs that wrap. */
  readonly #openAtMs = new Map<string, number>()

  readonly #countedAtOnce: number

  /** @param atOnce so many rows at most are counted in one question */
  constructor(mongo: MongoConnection, atOnce = countedAtOnce) {
    this.#mongo = mongo
    this.#countedAtOnce = atOnce
    this.#keys = modelOf(mongo.connection, 'wrapped_keys')
    this.#rows = this.#keys.collection as unknown as mongo.Collection<WrappedKeyRow>
    this.#closed = modelOf(mongo.connection, 'closed_epochs')
  }

  /**
   * The epoch is looked at before and after the row is written: whoever closes it and then lists what is under it finds the row,
   * or the second look finds the closing. A row that came too late stays, for the sweep of the attempt that made it: whoever
   * may put keys may remove none. The first look only spares such rows, so the second one of a moment ago will do for it.
   */
  async put(_by: Grant, key: WrappedKey): Promise<'stored' | 'exists'> {
    const { id, edks, ...rest } = key
    if (!this.#seenOpen(key)) await this.#requireOpen(key)
    const row = { _id: id, ...rest, edks: edksOf(edks) }
    try {
      await this.#mongo.ask(session => this.#rows.insertOne(row, { session }))
    } catch (error) {
      if (isDuplicate(error)) return 'exists'
      throw error
    }
    await this.#requireOpen(key)
    return 'stored'
  }

  async #requireOpen({ epoch, tenant }: WrappedKey): Promise<void> {
    const filter = { _id: closedId(epoch, tenant) }
    const closed = await this.#mongo.ask(session => this.#closed.findOne(filter, undefined, { ...found, session }))
    this.#openAtMs.delete(filter._id)
    if (closed) throw new VaultError('keys.unavailable', { detail: 'epoch.closed', retryAfterSeconds: 1 })
    this.#openAtMs.set(filter._id, performance.now())
  }

  #seenOpen({ epoch, tenant }: WrappedKey): boolean {
    const atMs = this.#openAtMs.get(closedId(epoch, tenant))
    return atMs !== undefined && performance.now() - atMs < momentMs
  }

  async get(id: string): Promise<WrappedKey | undefined> {
    const row = await this.#mongo.ask(session => this.#keys.findOne({ _id: id }, undefined, { ...found, session }))
    return row ? keyOf(row) : undefined
  }

  async epochsOf(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const filter = { _id: trusted({ $in: ids }) }
    const rows = await this.#mongo.ask(session => this.#keys.find(filter, { epoch: 1 }, { ...found, session }))
    return new Map(rows.map(({ _id, epoch }) => [_id, epoch]))
  }

  async replace(_by: Grant, id: string, expectedEpoch: string, next: Rewrapped): Promise<boolean> {
    const $set = { ...next, edks: edksOf(next.edks) }
    const { matchedCount } = await this.#mongo.ask(session =>
      this.#keys.updateOne({ _id: id, epoch: expectedEpoch }, { $set }, { session }),
    )
    return matchedCount === 1
  }

  /** Each under the epoch that it was seen under: one that was wrapped anew meanwhile stays, and is looked at again. */
  async destroy(_by: Grant, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const destroyed = new Map<string, string>()
    for (let left = ids; left.length > 0; ) {
      const epochs = await this.epochsOf(left)
      const unsure: string[] = []
      for (const [epoch, rows] of Map.groupBy(epochs, ([, under]) => under)) {
        const some = rows.map(([id]) => id)
        const filter = { _id: trusted({ $in: some }), epoch }
        const { deletedCount } = await this.#mongo.ask(session => this.#keys.deleteMany(filter, { session }))
        if (deletedCount !== some.length) unsure.push(...some)
      }
      for (const [id, epoch] of epochs) destroyed.set(id, epoch)
      left = unsure
    }
    return destroyed
  }

  async list(page: { readonly after?: string; readonly limit: number }): Promise<readonly WrappedKey[]> {
    const filter = { _id: trusted({ $gt: page.after ?? '' }) }
    const rows = await this.#mongo.ask(session =>
      this.#keys.find(filter, undefined, { ...found, session, sort: { _id: 1 }, limit: page.limit }),
    )
    return rows.map(keyOf)
  }

  async listUnder(
    epoch: string,
    tenant: TenantId,
    page: { readonly after?: string; readonly limit: number },
  ): Promise<readonly WrappedKey[]> {
    const filter = { epoch, tenant, _id: trusted({ $gt: page.after ?? '' }) }
    const rows = await this.#mongo.ask(session =>
      this.#keys.find(filter, undefined, { ...found, session, sort: { _id: 1 }, limit: page.limit }),
    )
    return rows.map(keyOf)
  }

  /** A tenant's in so many steps that none takes longer than a question may; of all tenants they are counted when few are left. */
  async countUnder(epoch: string, tenant?: TenantId): Promise<number> {
    const count = (filter: object) =>
      this.#mongo.ask(session => this.#keys.countDocuments(filter, { session, maxTimeMS: 2_000 }))
    if (tenant === undefined) return count({ epoch })
    for (let [counted, after] = [0, '']; ; counted += this.#countedAtOnce) {
      const rest = { epoch, tenant, _id: trusted({ $gt: after }) }
      const step = { ...found, sort: { _id: 1 }, skip: this.#countedAtOnce - 1 } as const
      const last = await this.#mongo.ask(session => this.#keys.findOne(rest, { _id: 1 }, { ...step, session }))
      if (!last) return counted + (await count(rest))
      after = last._id
    }
  }

  async closeEpoch(_by: Grant, epoch: string, tenant: TenantId): Promise<void> {
    const row = { _id: closedId(epoch, tenant), epoch, tenant }
    this.#openAtMs.delete(row._id)
    try {
      await this.#mongo.ask(session => this.#closed.insertOne(row, { session }))
    } catch (error) {
      if (!isDuplicate(error)) throw error
    }
  }
}

const closedId = (epoch: string, tenant: TenantId): string => `${tenant}/${epoch}`

function edksOf(edks: readonly EncryptedDataKey[]): WrappedKeyRow['edks'] {
  return edks.map(({ provider, info, blob }) => ({ provider, info: Buffer.from(info), blob: Buffer.from(blob) }))
}

function keyOf({ _id: id, tenant, document, epoch, edks, createdAtMs, rewrapped }: WrappedKeyRow): WrappedKey {
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
    ...(rewrapped ? { rewrapped: { log: rewrapped.log, index: rewrapped.index } } : {}),
  }
}
