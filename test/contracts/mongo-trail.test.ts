import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MongoTrailBatches } from '../../src/adapters/mongo-trail-batches.ts'
import { freshMongo, mongoNeeds, secondMongo } from '../support/mongo-database.ts'
import { assertStandsOnce, assertVerifies, draftOf, KeptLog, writerOn } from '../support/trail-writing.ts'

test('writers of four instances on one log converge: every entry stands once', { skip: mongoNeeds.skip }, async t => {
  const first = await freshMongo(t, 'trail.unavailable')
  const mongos = [first, ...(await Promise.all([1, 2, 3].map(() => secondMongo(t, first, 'trail.unavailable'))))]
  const log = new KeptLog()
  const writers = mongos.map((mongo, at) => writerOn(t, new MongoTrailBatches(mongo), { log, instance: `i-${at}` }))
  const rounds = Array.from({ length: 25 })
  const placed = await Promise.all(
    writers.map(async writer => {
      const places = []
      for (const _ of rounds) {
        places.push(...(await Promise.all([writer.append([draftOf('acme')]), writer.append([draftOf('acme')])])))
      }
      return places.flat()
    }),
  )
  const batches = new MongoTrailBatches(first)
  assert.equal(await assertVerifies(batches), 200)
  await assertStandsOnce(batches, placed.flat())
  assert.deepEqual(log.errors, [])
})
