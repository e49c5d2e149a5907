import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type MongoConnection, openMongo } from '../../src/adapters/mongo-connection.ts'
import { MongoLedger } from '../../src/adapters/mongo-ledger.ts'
import { migrateMongo } from '../../src/adapters/mongo-migrations.ts'
import { keyCollections, mainCollections } from '../../src/adapters/mongo-schema.ts'
import { MongoTrailBatches } from '../../src/adapters/mongo-trail-batches.ts'
import { VaultError } from '../../src/domain/errors.ts'
import type { Subject } from '../../src/domain/subject.ts'
import type { Trail } from '../../src/guards/trail.ts'
import type { Placed } from '../../src/guards/vault.ts'
import { aReview, aSubject, here } from '../contracts/ledger-rows.ts'
import { mongoNeeds } from '../support/mongo-database.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { refused } from '../support/refused.ts'
import { ownReplicaSet } from '../support/replica-set.ts'
import { assertStandsOnce, assertVerifies, draftOf, KeptLog, writerOn } from '../support/trail-writing.ts'

const { skip } = mongoNeeds

async function openTwo(t: TestContext, uri: string): Promise<readonly [MongoConnection, MongoConnection]> {
  const open = () => openMongo({ uri, database: 'vault' }, 'trail.unavailable')
  const both = [await open(), await open()] as const
  t.after(() => Promise.all(both.map(mongo => mongo[Symbol.asyncDispose]())))
  await migrateMongo(both[0], [...mainCollections, ...keyCollections])
  return both
}

/** Tries until `count` were acknowledged after the fault; what failed in between failed in the port's words. */
async function keepOn<Done>(fault: { isOver: boolean }, count: number, act: () => Promise<Done>): Promise<Done[]> {
  const done: Done[] = []
  for (let after = 0; after < count; ) {
    const wasOver = fault.isOver
    try {
      done.push(await act())
      if (wasOver) after++
    } catch (error) {
      assert.ok(error instanceof VaultError && error.code === 'trail.unavailable', String(error))
    }
  }
  return done
}

test('when the primary is killed under two writers, nothing that was acknowledged is lost', { skip }, async t => {
  await using set = await ownReplicaSet()
  const [one, two] = await openTwo(t, set.uri)
  const log = new KeptLog()
  const writers = [one, two].map((mongo, at) => writerOn(t, new MongoTrailBatches(mongo), { log, instance: `i-${at}` }))
  const ledgers = [one, two].map(mongo => new MongoLedger(mongo))
  const fault = { isOver: false }
  const appending = writers.map(writer => keepOn(fault, 20, () => appendOne(writer)))
  const committing = ledgers.map(ledger => keepOn(fault, 20, () => commitTwo(ledger)))
  await Promise.all([...writers.map(appendOne), ...ledgers.map(commitTwo)])
  await set.killPrimary()
  fault.isOver = true
  const placed = (await Promise.all(appending)).flat()
  const subjects = (await Promise.all(committing)).flat()
  const batches = new MongoTrailBatches(one)
  await assertStandsOnce(batches, placed)
  assert.ok((await assertVerifies(batches)) >= placed.length)
  const [first] = ledgers
  for (const subject of subjects) assert.deepEqual(await first?.findSubjectById(here, subject.id), subject)
  assert.deepEqual(log.errors, [])
})

test('without a majority nothing is acknowledged, and what was written alone is found by its nonce', {
  skip,
}, async t => {
  await using set = await ownReplicaSet()
  const [one, two] = await openTwo(t, set.uri)
  const log = new KeptLog()
  const writer = writerOn(t, new MongoTrailBatches(one), { log })
  const before = await appendOne(writer)
  const paused = await set.pauseSecondaries()
  await refused(appendOne(writer), 'trail.unavailable')
  await refused(
    new MongoLedger(one).commit(rawGrant, [{ row: 'subject', expected: 0, put: aSubject() }]),
    'trail.unavailable',
  )
  await paused[Symbol.asyncDispose]()
  const after = await keepOn({ isOver: true }, 1, () => appendOne(writer))
  const batches = new MongoTrailBatches(two)
  await assertStandsOnce(batches, [before, ...after])
  await assertVerifies(batches)
  assert.deepEqual(log.errors, [])
})

async function appendOne(writer: Trail): Promise<Placed> {
  const [placed] = await writer.append([draftOf('acme')])
  assert.ok(placed)
  return placed
}

async function commitTwo(ledger: MongoLedger): Promise<Subject> {
  const subject = aSubject()
  const committed = await ledger.commit(rawGrant, [
    { row: 'subject', expected: 0, put: subject },
    { row: 'review', expected: 0, put: aReview() },
  ])
  assert.deepEqual(committed, { done: true })
  return subject
}
