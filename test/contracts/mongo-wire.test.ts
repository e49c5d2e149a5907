import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type mongoose from 'mongoose'
import { MongoBudgets } from '../../src/adapters/mongo-budgets.ts'
import type { MongoConnection } from '../../src/adapters/mongo-connection.ts'
import { MongoLedger } from '../../src/adapters/mongo-ledger.ts'
import { MongoTrailBatches } from '../../src/adapters/mongo-trail-batches.ts'
import { MongoWrappedKeys } from '../../src/adapters/mongo-wrapped-keys.ts'
import { freshMongo, mongoNeeds } from '../support/mongo-database.ts'
import { rawGrant } from '../support/raw-grant.ts'
import {
  aDenial,
  aDesk,
  aDocument,
  anAnswer,
  anApiKey,
  anApproval,
  aPage,
  aRetentionState,
  aReview,
  aRun,
  aSubject,
  here,
  person,
  stored,
} from './ledger-rows.ts'
import { aBatch } from './trail-batches.contract.ts'
import { anew, aWrappedKey } from './wrapped-keys.contract.ts'

const { skip } = mongoNeeds

interface Sent {
  readonly name: string
  readonly command: Readonly<Record<string, unknown>>
}

const writes = new Set(['insert', 'update', 'delete', 'findAndModify', 'commitTransaction', 'abortTransaction'])
const reads = new Set(['find', 'aggregate', 'distinct', 'count'])
const inTransaction = ({ command }: Sent): boolean => command['autocommit'] === false

/** Every command that the driver sends for the vault from now on. */
function watch(mongo: MongoConnection): readonly Sent[] {
  const sent: Sent[] = []
  mongo.connection.getClient().on('commandStarted', ({ commandName, command }) => {
    sent.push({ name: commandName, command: command as Record<string, unknown> })
  })
  return sent
}

/** The port, and the names of its methods that nobody has called yet. */
function counted<Port extends object>(port: Port): { readonly port: Port; readonly uncalled: Set<string> } {
  const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(port)).filter(name => name !== 'constructor')
  const uncalled = new Set(methods)
  const get = (target: Port, name: string | symbol): unknown => {
    uncalled.delete(String(name))
    const value: unknown = Reflect.get(target, name)
    return typeof value === 'function' ? (value.bind(target) as unknown) : value
  }
  return { port: new Proxy(port, { get }), uncalled }
}

/** Every call of every port, those that fail included. */
async function useAll(t: TestContext): Promise<readonly Sent[]> {
  const mongo = await freshMongo(t)
  const sent = watch(mongo)
  const all = [counted(new MongoLedger(mongo)), counted(new MongoTrailBatches(mongo))] as const
  const others = [counted(new MongoWrappedKeys(mongo)), counted(new MongoBudgets(mongo))] as const
  const [{ port: ledger }, { port: batches }] = all
  const [{ port: keys }, { port: budgets }] = others
  const [document, subject, review, answer, key] = [aDocument(), aSubject(), aReview(), anAnswer(), anApiKey()]
  await ledger.commit(rawGrant, [{ row: 'subject', expected: 0, put: subject }])
  await ledger.commit(rawGrant, [
    { row: 'document', expected: 0, put: document },
    { row: 'review', expected: 0, put: review },
    { row: 'answer', expected: 0, put: answer },
    { row: 'key', expected: 0, put: key },
  ])
  await ledger.commit(rawGrant, [{ row: 'document', expected: 1, put: stored(document) }])
  await ledger.commit(rawGrant, [
    { row: 'answer', expected: 1, forget: { key: answer.key } },
    { row: 'subject', expected: 0, put: subject },
  ])
  const page = { limit: 5 }
  await Promise.all([
    ledger.findDocument(here, document.id),
    ledger.findUpload(here, document.subject, document.uploadMac),
    ledger.listDocuments(here, document.subject, page),
    ledger.findSubject(here, subject.reference),
    ledger.findSubjectById(here, subject.id),
    ledger.findReview(here, review.id),
    ledger.findReviewOf(here, review.document),
    ledger.listReviews(here, 'pending', page),
    ledger.findDesk(here, document.depositedBy),
    ledger.findAnswer(answer.key),
    ledger.findApiKey(key.keyId),
    ledger.listApiKeys(here, page),
    ledger.listOverdue(here, 9, 9),
    ledger.listExpiredAnswers(here, 9, 9),
    ledger.everyDocument(here, page),
    ledger.everySubject(here, page),
    ledger.everyReview(here, page),
    ledger.everyAnswer(here, page),
    ledger.namedBlobs([document.blobKey]),
    ledger.tenants(),
  ])
  await useRetention(ledger)
  await ledger.takeLease('a', 'b', 1, 1)
  await ledger.takeLease('a', 'c', 9, 1)
  await ledger.dropLease('a', 'c')
  const wrapped = aWrappedKey()
  await keys.put(rawGrant, wrapped)
  await keys.put(rawGrant, wrapped)
  await keys.get(wrapped.id)
  await keys.epochsOf([wrapped.id])
  await keys.replace(rawGrant, wrapped.id, 'e1', anew('e2', wrapped.edks))
  await keys.listUnder('e2', here, page)
  await keys.countUnder('e2')
  await keys.closeEpoch(rawGrant, 'e1', here)
  await keys.list(page)
  await keys.destroy(rawGrant, [wrapped.id])
  await budgets.spend('a', 0, 1, 1)
  await budgets.spend('a', 0, 1, 1)
  const batch = aBatch()
  await batches.insert(batch)
  await batches.insert(batch)
  await batches.find(batch.log, 0)
  await batches.tail(batch.log)
  await batches.range(batch.log, 0, 9)
  await batches.holding(batch.log, 0)
  await batches.logs()
  await batches.ready()
  assert.deepEqual(
    [...all, ...others].flatMap(({ uncalled }) => [...uncalled]),
    [],
    'not shown by any call here',
  )
  return sent
}

/** What purges, holds, votes and epochs ask of the ledger. */
async function useRetention(ledger: MongoLedger): Promise<void> {
  const [subject, run, approval, denial] = [aSubject({ lookAtMs: 5 }), aRun(), anApproval(), aDenial()]
  const epoch = { tenant: here, epoch: 'e1', state: 'active', activeAtMs: 1, version: 1 } as const
  await ledger.commit(rawGrant, [
    { row: 'subject', expected: 0, put: subject },
    { row: 'run', expected: 0, put: run },
    { row: 'page', expected: 0, put: aPage({ run: run.id }) },
    { row: 'approval', expected: 0, put: approval },
    { row: 'denied-token', expected: 0, put: denial },
    { row: 'epoch', expected: 0, put: epoch },
    { row: 'desk', expected: 0, put: aDesk() },
  ])
  await ledger.commit(rawGrant, [{ row: 'retention', expected: 0, put: aRetentionState() }])
  const page = { limit: 5 }
  await Promise.all([
    ledger.liveDocuments(here, subject.id, page),
    ledger.dueSubjects(here, 9, page),
    ledger.dueSubjects(here, 9, { ...page, after: { lookAtMs: 5, id: subject.id } }),
    ledger.countDue(here, 9),
    ledger.heldSubjects(here, page),
    ledger.countHeld(here),
    ledger.unansweredSubjects(here, page),
    ledger.countUnanswered(here, 1),
    ledger.purgingDocuments(here, page),
    ledger.countPurged(here, 1),
    ledger.countUnderLaterPolicies(here, 1),
    ledger.answersOf(here, { subjects: [subject.id] }),
    ledger.answersOf(here, { documents: [aDocument().id] }),
    ledger.findSubjects(here, [subject.id]),
    ledger.reviewsOf(here, [aDocument().id]),
    ledger.liveDocumentsOf(here, [subject.id], page),
    ledger.liveDocumentsOf(here, [subject.id], { ...page, after: { subject: subject.id, id: aDocument().id } }),
    ledger.findRun(here, run.id),
    ledger.listRuns(here, page),
    ledger.openRuns(here),
    ledger.listPages(here, run.id, page),
    ledger.findApproval(here, approval.id),
    ledger.listApprovals(here, 'pending', page),
    ledger.findRetentionState(here),
    ledger.findDesk(here, person),
    ledger.findDenials(here, { issuer: denial.issuer, subject: denial.subject, tokenId: '*' }),
    ledger.listExpiredDenials(here, 9, 9),
    ledger.findEpoch(here, 'e1'),
    ledger.listEpochs(here),
    ledger.serverNowMs(),
  ])
}

test('every write on the wire is acknowledged by a majority, journalled', { skip }, async t => {
  const sent = (await useAll(t)).filter(({ name }) => writes.has(name))
  assert.ok(sent.length > 15)
  for (const one of sent) {
    // Within a transaction it is the commit that carries the concern, and the server refuses it anywhere else.
    if (inTransaction(one) && !one.name.endsWith('Transaction')) continue
    const concern = one.command['writeConcern'] as Readonly<Record<string, unknown>> | undefined
    assert.deepEqual([concern?.['w'], concern?.['j']], ['majority', true], one.name)
  }
  const names = new Set(sent.map(({ name }) => name))
  for (const name of ['insert', 'update', 'delete', 'findAndModify', 'commitTransaction'])
    assert.ok(names.has(name), name)
})

test('every read is of what a majority has, from the primary, and not older than the last write', { skip }, async t => {
  const sent = (await useAll(t)).filter(one => reads.has(one.name) && !inTransaction(one))
  assert.ok(sent.length > 20)
  for (const { name, command } of sent) {
    const concern = command['readConcern'] as Readonly<Record<string, unknown>> | undefined
    assert.equal(concern?.['level'], 'majority', name)
    assert.notEqual(concern?.['afterClusterTime'], undefined, `${name} may be answered from before the last write`)
    const preference = command['$readPreference'] as { readonly mode?: string } | undefined
    assert.ok(preference === undefined || preference.mode === 'primary' || preference.mode === 'primaryPreferred')
  }
})

test('the rows of one commit go in one transaction, a single row in a single write', { skip }, async t => {
  const mongo = await freshMongo(t)
  const ledger = new MongoLedger(mongo)
  const sent = watch(mongo)
  await ledger.commit(rawGrant, [{ row: 'subject', expected: 0, put: aSubject() }])
  assert.deepEqual(
    sent.map(({ name }) => name),
    ['insert'],
  )
  await ledger.commit(rawGrant, [
    { row: 'subject', expected: 0, put: aSubject() },
    { row: 'review', expected: 0, put: aReview() },
  ])
  const rest = sent.slice(1)
  assert.deepEqual(
    rest.map(({ name }) => name),
    ['insert', 'insert', 'commitTransaction'],
  )
  assert.equal(new Set(rest.map(({ command }) => String(command['txnNumber']))).size, 1)
})

test('a look at a row or a wrapped key comes after the trail entry that allowed it', { skip }, async t => {
  const mongo = await freshMongo(t)
  const other = mongo.as('keys.unavailable', `${mongo.connection.name}-k`)
  const batches = new MongoTrailBatches(mongo.as('trail.unavailable'))
  const appended: mongoose.mongo.Timestamp[] = []
  mongo.connection.getClient().on('commandSucceeded', ({ commandName, reply }) => {
    if (commandName === 'insert') appended.push((reply as { operationTime: mongoose.mongo.Timestamp }).operationTime)
  })
  const sent = watch(mongo)
  for (let seq = 0; seq < 5; seq++) {
    await batches.insert(aBatch({ seq }))
    const looks = sent.length
    await new MongoLedger(mongo).findDocument(here, aDocument().id)
    await new MongoWrappedKeys(other).get('doc/none')
    const newest = appended.at(-1)
    for (const { name, command } of sent.slice(looks)) {
      assert.equal(name, 'find')
      const { afterClusterTime } = command['readConcern'] as { readonly afterClusterTime: mongoose.mongo.Timestamp }
      assert.ok(newest && afterClusterTime.greaterThanOrEqual(newest))
    }
    assert.equal(sent.length, looks + 2)
  }
})
