import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openMongo } from '../../src/adapters/mongo-connection.ts'
import { MongoLedger } from '../../src/adapters/mongo-ledger.ts'
import { migrateMongo, requireMigrated } from '../../src/adapters/mongo-migrations.ts'
import { keyCollections, mainCollections, modelOf } from '../../src/adapters/mongo-schema.ts'
import { MongoTrailBatches } from '../../src/adapters/mongo-trail-batches.ts'
import { MongoWrappedKeys } from '../../src/adapters/mongo-wrapped-keys.ts'
import { freshMongo, freshName, mongoNeeds } from '../support/mongo-database.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { refused } from '../support/refused.ts'
import { type Cut, freshProxy, proxyNeeds } from '../support/toxic.ts'
import { aSubject, here } from './ledger-rows.ts'
import { aBatch } from './trail-batches.contract.ts'
import { aWrappedKey } from './wrapped-keys.contract.ts'

const { skip, value: uri } = mongoNeeds
const everything = [...mainCollections, ...keyCollections]

test('a database is migrated once, however often and from how many instances at once', { skip }, async t => {
  const database = freshName()
  const mongos = await Promise.all([1, 2, 3].map(() => openMongo({ uri, database }, 'ledger.unavailable')))
  const [first] = mongos
  assert.ok(first)
  t.after(async () => {
    await first.connection.dropDatabase()
    await Promise.all(mongos.map(mongo => mongo[Symbol.asyncDispose]()))
  })
  const refusal = await refused(requireMigrated(first), 'config.invalid')
  assert.match(refusal.facts.problems?.[0]?.message ?? '', /run `migrate` first/)
  await Promise.all(mongos.map(mongo => migrateMongo(mongo, everything)))
  for (const mongo of mongos) await requireMigrated(mongo)
  assert.deepEqual(await migrateMongo(first, everything), { from: 5, to: 5 })
  const names = (await first.connection.listCollections()).map(({ name }) => name)
  assert.deepEqual(names.toSorted(), [...everything, 'migrations'].toSorted())
})

test('a database of a newer vault is refused', { skip }, async t => {
  const mongo = await freshMongo(t)
  await mongo.connection.collection<{ _id: number }>('migrations').insertOne({ _id: 99 })
  await refused(requireMigrated(mongo), 'config.invalid')
  await refused(migrateMongo(mongo, everything), 'config.invalid')
})

test('what the URI says of concerns is overruled', { skip }, async t => {
  const weak = uri.replace('?', '?w=1&journal=false&readConcernLevel=local&readPreference=secondaryPreferred&')
  const mongo = await openMongo({ uri: weak, database: freshName() }, 'ledger.unavailable')
  t.after(() => mongo[Symbol.asyncDispose]())
  const { writeConcern, readConcern, readPreference } = mongo.connection.getClient().options
  assert.equal(writeConcern?.w, 'majority')
  assert.equal(writeConcern?.journal, true)
  assert.equal(readConcern?.level, 'majority')
  assert.equal(readPreference.mode, 'primary')
})

test('unknown fields and operators in a value are refused before anything is sent', { skip }, async t => {
  const mongo = await freshMongo(t)
  const documents = modelOf<Record<string, unknown>>(mongo.connection, 'documents')
  await assert.rejects(documents.insertOne({ _id: 'a', unknown: 1 }), { name: 'StrictModeError' })
  await assert.rejects(documents.findOne({ unknown: 1 }).exec(), { name: 'StrictModeError' })
  await assert.rejects(documents.findOne({ tenant: { $ne: null } }).exec(), { name: 'CastError' })
  const ledger = new MongoLedger(mongo)
  await ledger.commit(rawGrant, [{ row: 'subject', expected: 0, put: aSubject() }])
  const hostile = { $ne: '' } as unknown as Parameters<typeof ledger.findSubject>[1]
  await assert.rejects(ledger.findSubject(here, hostile), { name: 'CastError' })
})

test('a text that is no URI, and a server that is not there, are told apart', { skip }, async () => {
  await refused(openMongo({ uri: 'postgres://x', database: 'x' }, 'keys.unavailable'), 'config.invalid')
  const nobody = 'mongodb://127.0.0.1:9/?replicaSet=rs0'
  await refused(openMongo({ uri: nobody, database: 'x' }, 'keys.unavailable'), 'keys.unavailable')
})

const cuts: readonly Cut[] = ['refused', 'silent', 'reset']
for (const cut of cuts) {
  const title = `every store answers within 2.5 s while MongoDB is ${cut}, each in its own words, and works again after`
  test(title, { skip: skip || proxyNeeds.skip }, async t => {
    const home = await freshMongo(t)
    await using proxy = await freshProxy(`http://${await primaryOf(home)}`)
    const at = { uri: `mongodb://${proxy.host}:${proxy.port}/?directConnection=true`, database: home.connection.name }
    await using trail = await openMongo(at, 'trail.unavailable')
    await using ledger = await openMongo(at, 'ledger.unavailable')
    await using keys = await openMongo(at, 'keys.unavailable')
    const batches = new MongoTrailBatches(trail)
    await batches.insert(aBatch())
    const broken = await proxy.cut(cut)
    const startMs = performance.now()
    await Promise.all([
      refused(batches.insert(aBatch({ seq: 1 })), 'trail.unavailable'),
      refused(batches.tail('acme/2026'), 'trail.unavailable'),
      refused(batches.ready(), 'trail.unavailable'),
      refused(new MongoLedger(ledger).findApiKey('a'), 'ledger.unavailable'),
      refused(
        new MongoLedger(ledger).commit(rawGrant, [{ row: 'subject', expected: 0, put: aSubject() }]),
        'ledger.unavailable',
      ),
      refused(new MongoWrappedKeys(keys).put(rawGrant, aWrappedKey()), 'keys.unavailable'),
    ])
    assert.ok(performance.now() - startMs < 2_500)
    await broken[Symbol.asyncDispose]()
    // The driver looks for the server again by itself.
    while (!(await answers(batches))) await new Promise(setImmediate)
    assert.equal((await batches.tail('acme/2026'))?.log, 'acme/2026')
  })
}

async function answers(batches: MongoTrailBatches): Promise<boolean> {
  return batches.ready().then(
    () => true,
    () => false,
  )
}

async function primaryOf({ connection }: { readonly connection: import('mongoose').Connection }): Promise<string> {
  const { primary } = await connection.getClient().db('admin').command({ hello: 1 })
  return String(primary)
}
