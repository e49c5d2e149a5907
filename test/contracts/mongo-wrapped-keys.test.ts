import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MongoWrappedKeys } from '../../src/adapters/mongo-wrapped-keys.ts'
import type { TenantId } from '../../src/domain/ids.ts'
import { mongoNeeds, sharedMongo } from '../support/mongo-database.ts'
import { wrappedKeysContract } from './wrapped-keys.contract.ts'

const { skip } = mongoNeeds
const empty = sharedMongo('keys.unavailable')
const open = async () => new MongoWrappedKeys(await empty())

wrappedKeysContract('mongo', open, skip)

test('mongo: more keys of a tenant than one question may count are counted in several', { skip }, async () => {
  const mongo = await empty()
  const keys = mongo.connection.collection<{ _id: string }>('wrapped_keys')
  const rowsOf = (tenant: string, epoch: string) => Array.from({ length: 7 }, (_, at) => ({ tenant, epoch, at }))
  for (const { at, ...row } of [...rowsOf('a', 'docs/1'), ...rowsOf('b', 'docs/1'), ...rowsOf('a', 'docs/2')]) {
    await keys.insertOne({ _id: `doc/${row.tenant}${row.epoch}${at}`, ...row } as never)
  }
  for (const atOnce of [1, 2, 3, 7, 8]) {
    const store = new MongoWrappedKeys(mongo, atOnce)
    assert.equal(await store.countUnder('docs/1', 'a' as TenantId), 7)
    assert.equal(await store.countUnder('docs/3', 'a' as TenantId), 0)
  }
})
