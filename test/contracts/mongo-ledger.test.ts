import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { MongoLedger } from '../../src/adapters/mongo-ledger.ts'
import { migrateMongo } from '../../src/adapters/mongo-migrations.ts'
import { mainCollections } from '../../src/adapters/mongo-schema.ts'
import type { DocumentId, SubjectId } from '../../src/domain/ids.ts'
import { isUnanswered } from '../../src/domain/subject.ts'
import { newUuid7 } from '../../src/guards/uuid7.ts'
import { freshMongo, mongoNeeds, sharedMongo } from '../support/mongo-database.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { answersWaiting } from './answer-rows.ts'
import { ledgerContract } from './ledger.contract.ts'
import { anAnswer, aSubject, here } from './ledger-rows.ts'

const empty = sharedMongo('ledger.unavailable')
const open = async () => new MongoLedger(await empty())
const { skip } = mongoNeeds

ledgerContract('mongo', open, skip)

test('mongo: the due are found by the index alone, whatever else is kept', { skip }, async () => {
  const mongo = await empty()
  const ledger = new MongoLedger(mongo)
  const plain = Array.from({ length: 200 }, (_, n) => aSubject({ lookAtMs: 1_000 + n }))
  const due = Array.from({ length: 3 }, (_, n) => aSubject({ lookAtMs: 100 + n }))
  const puts = [...plain, ...due, ...Array.from({ length: 200 }, () => aSubject())]
  await ledger.commit(
    rawGrant,
    puts.map(put => ({ row: 'subject', expected: 0, put })),
  )
  const database = mongo.connection.getClient().db(mongo.connection.name)
  await database.command({ profile: 2 })
  const after = { lookAtMs: 100, id: due[0]?.id as SubjectId }
  assert.deepEqual(await ledger.dueSubjects(here, 999, { limit: 9 }), due)
  assert.deepEqual(await ledger.dueSubjects(here, 999, { after, limit: 9 }), due.slice(1))
  assert.deepEqual(await ledger.countDue(here, 999), { count: 3, oldestMs: 100 })
  await database.command({ profile: 0 })
  const asked = await database
    .collection('system.profile')
    .find({ ns: `${mongo.connection.name}.subjects`, op: { $in: ['query', 'command'] } })
    .toArray()
  assert.equal(asked.length, 4)
  for (const { keysExamined, docsExamined, planSummary, hasSortStage } of asked) {
    assert.match(String(planSummary), /lookMs: 1/)
    assert.ok(keysExamined <= 5 && docsExamined <= 3, `${planSummary}: ${keysExamined} keys, ${docsExamined} rows`)
    assert.notEqual(hasSortStage, true)
  }
})

test('mongo: the server’s own clock is asked', { skip }, async () => {
  const before = Date.now()
  const nowMs = await (await open()).serverNowMs()
  assert.ok(nowMs !== undefined && Math.abs(nowMs - before) < 60_000, `${nowMs} beside ${before}`)
})

test('mongo: a ledger from before retention is filled where it lies, once and again', { skip }, async t => {
  const mongo = await freshMongo(t)
  const { holds: _, ...old } = aSubject({ deletionAskedAtMs: 9 })
  const reopened = { ...old, id: randomUUID(), reference: 'b', reopenedAtMs: 10 }
  const answer = anAnswer({ document: newUuid7() as DocumentId })
  const rows = (name: string) => mongo.connection.collection<{ _id: unknown }>(name)
  for (const body of [old, reopened]) {
    const { tenant, id, reference, version } = body
    await rows('subjects').insertOne({ _id: `${tenant}/${id}`, tenant, reference, version, body } as never)
  }
  const { key, expiresAtMs: expiresMs } = answer
  await rows('answers').insertOne({ _id: key, tenant: here, expiresMs, version: 1, body: answer } as never)
  const ledger = new MongoLedger(mongo)
  const kept = { ...old, holds: [] }
  for (let times = 0; times < 2; times++) {
    await rows('migrations').deleteMany({})
    await rows('migrations').insertOne({ _id: 2 } as never)
    assert.deepEqual(await migrateMongo(mongo, mainCollections), { from: 2, to: 5 })
    assert.deepEqual(await ledger.findSubjectById(here, old.id), kept)
    assert.deepEqual(await ledger.unansweredSubjects(here, { limit: 9 }), [kept])
    assert.deepEqual(await ledger.answersOf(here, { documents: [answer.document as DocumentId] }), [answer])
  }
  const next = { ...kept, lookAtMs: 5, version: 2 }
  assert.deepEqual(await ledger.commit(rawGrant, [{ row: 'subject', expected: 1, put: next }]), { done: true })
  assert.deepEqual(await ledger.dueSubjects(here, 5, { limit: 9 }), [next])
})

test('mongo: persons from before the index of answers are found in it', { skip }, async t => {
  const mongo = await freshMongo(t)
  const subjects = mongo.connection.collection<{ _id: unknown }>('subjects')
  for (const body of answersWaiting()) {
    const { tenant, id, reference, version } = body
    const unanswered = isUnanswered(body) ? { unanswered: true } : {}
    await subjects.insertOne({ _id: `${tenant}/${id}`, tenant, reference, version, body, ...unanswered } as never)
  }
  await mongo.connection.collection('migrations').deleteMany({})
  await mongo.connection.collection<{ _id: unknown }>('migrations').insertOne({ _id: 4 } as never)
  await migrateMongo(mongo, mainCollections)
  const ledger = new MongoLedger(mongo)
  const counted = () => Promise.all([5, 6, 9, 10].map(at => ledger.countUnanswered(here, at)))
  assert.deepEqual(await counted(), [0, 1, 1, 2])
  // An instance of the version before, which was not stopped yet, writes its rows without the field.
  await subjects.updateMany({}, { $unset: { answerMs: true } })
  assert.deepEqual(await migrateMongo(mongo, mainCollections), { from: 5, to: 5 })
  assert.deepEqual(await counted(), [0, 1, 1, 2])
})
