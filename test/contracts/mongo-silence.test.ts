import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openMongo } from '../../src/adapters/mongo-connection.ts'
import { MongoLedger } from '../../src/adapters/mongo-ledger.ts'
import { modelOf } from '../../src/adapters/mongo-schema.ts'
import { deafWay } from '../support/deaf-way.ts'
import { freshMongo, mongoNeeds } from '../support/mongo-database.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { refused } from '../support/refused.ts'
import { aSubject, here } from './ledger-rows.ts'

test('a transaction whose connection died in silence locks its rows for a few seconds, not for ten', {
  skip: mongoNeeds.skip,
}, async t => {
  const home = await freshMongo(t)
  const ledger = new MongoLedger(home)
  const subject = aSubject()
  await ledger.commit(rawGrant, [{ row: 'subject', expected: 0, put: subject }])
  const { primary } = await home.connection.getClient().db('admin').command({ hello: 1 })
  await using way = await deafWay(Number(String(primary).split(':')[1]))
  const uri = `mongodb://127.0.0.1:${way.port}/?directConnection=true`
  await using doomed = await openMongo({ uri, database: home.connection.name }, 'ledger.unavailable')
  const subjects = modelOf<{ _id: string; version: number }>(doomed.connection, 'subjects')
  const startMs = performance.now()
  const held = Promise.withResolvers<void>()
  const dying = doomed.transact(async session => {
    const touch = () => subjects.updateOne({ _id: `${here}/${subject.id}` }, { $set: { version: 7 } }, { session })
    await touch()
    way.deafen('subjects')
    held.resolve()
    await touch()
  })
  dying.catch(() => undefined)
  await held.promise
  const next = { row: 'subject', expected: 1, put: { ...subject, version: 2 } } as const
  const commit = () => ledger.commit(rawGrant, [next]).catch(() => ({ done: false }))
  while (!(await commit()).done) await new Promise(setImmediate)
  const lockedMs = performance.now() - startMs
  t.diagnostic(`locked for ${Math.round(lockedMs)} ms`)
  assert.ok(lockedMs < 7_000, `${lockedMs} ms`)
  await refused(dying, 'ledger.unavailable')
  assert.equal((await ledger.findSubject(here, subject.reference))?.version, 2)
})
