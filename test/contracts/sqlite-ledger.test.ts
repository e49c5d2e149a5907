import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { SqliteFile } from '../../src/adapters/sqlite-file.ts'
import { SqliteLedger } from '../../src/adapters/sqlite-ledger.ts'
import { sql } from '../../src/adapters/sqlite-ledger-finders.ts'
import { sqliteSchemas } from '../../src/adapters/sqlite-schema.ts'
import { openSqlite } from '../../src/adapters/sqlite-thread.ts'
import type { DocumentId } from '../../src/domain/ids.ts'
import { isUnanswered } from '../../src/domain/subject.ts'
import { newUuid7 } from '../../src/guards/uuid7.ts'
import { freshFolder, freshSqlite } from '../support/fresh-sqlite.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { answersWaiting } from './answer-rows.ts'
import { ledgerContract } from './ledger.contract.ts'
import { anAnswer, aSubject, here } from './ledger-rows.ts'

ledgerContract('sqlite', async t => new SqliteLedger((await freshSqlite(t)).thread))

const byIndex = {
  dueSubjects: 'USING INDEX subject_due (tenant=? AND (look_ms,id)>(?,?) AND look_ms<?)',
  countDue: 'USING COVERING INDEX subject_due (tenant=? AND look_ms<?)',
  heldSubjects: 'USING INDEX subject_held (tenant=? AND id>?)',
  countUnanswered: 'USING COVERING INDEX subject_answer (tenant=? AND answer_ms<?)',
  countHeld: 'USING COVERING INDEX subject_held (tenant=?)',
  unansweredSubjects: 'USING INDEX subject_unanswered (tenant=? AND id>?)',
  liveDocuments: 'USING INDEX document_of_subject (tenant=? AND subject=? AND id>?)',
  purging: 'USING INDEX document_purging (tenant=? AND id>?)',
  purgedSince: 'USING COVERING INDEX document_purged (tenant=? AND purged_ms>?)',
  underLaterPolicies: 'USING INDEX document_policy (tenant=? AND <expr>>?)',
  openRuns: 'USING INDEX purge_run_open (tenant=?)',
} as const satisfies Partial<Record<keyof typeof sql, string>>

test('sqlite: what the clock of retention asks is answered by an index, in its order, without sorting', async t => {
  const { thread } = await freshSqlite(t)
  for (const name of Object.keys(byIndex) as (keyof typeof byIndex)[]) {
    const params = Array.from(sql[name].matchAll(/\?/g), () => 0)
    const plan = await thread.read('ledger', `EXPLAIN QUERY PLAN ${sql[name]}`, params)
    const steps = plan.map(({ detail }) => String(detail))
    assert.deepEqual(steps.length, 1, `${name}: ${steps.join('; ')}`)
    assert.ok(steps[0]?.endsWith(byIndex[name]), `${name}: ${steps[0]}`)
  }
})

const byList = {
  liveDocumentsOf: 'USING INDEX document_of_subject (tenant=? AND subject=?)',
  subjects: 'USING INDEX sqlite_autoindex_subject_1 (tenant=? AND id=?)',
  reviewsOf: 'USING INDEX sqlite_autoindex_review_2 (tenant=? AND document=?)',
  answersOfDocuments: 'USING INDEX answer_of_document (tenant=? AND document=?)',
  answersOfSubjects: 'USING INDEX answer_of_subject (tenant=? AND subject=?)',
} as const satisfies Partial<Record<keyof typeof sql, string>>

test('sqlite: rows of many at once are looked up by an index, one after the other, without sorting', async t => {
  const { thread } = await freshSqlite(t)
  for (const name of Object.keys(byList) as (keyof typeof byList)[]) {
    const params = Array.from(sql[name].matchAll(/\?/g), () => '[]')
    const plan = await thread.read('ledger', `EXPLAIN QUERY PLAN ${sql[name]}`, params)
    const [search, ...list] = plan.map(({ detail }) => String(detail))
    assert.ok(search?.endsWith(byList[name]), `${name}: ${search}`)
    assert.deepEqual(list, ['LIST SUBQUERY 1', 'SCAN json_each VIRTUAL TABLE INDEX 1:'], name)
  }
})

test('sqlite: there is no other clock to ask', async t => {
  const ledger = new SqliteLedger((await freshSqlite(t)).thread)
  assert.equal(await ledger.serverNowMs(), undefined)
})

test('sqlite: a ledger from before retention is filled where it lies: no holds, requests that wait, answers by document', async t => {
  const folder = await freshFolder(t)
  const place = join(folder, 'ledger.sqlite')
  const { migrations } = sqliteSchemas.ledger
  const before = new SqliteFile(place, { ...sqliteSchemas.ledger, migrations: migrations.slice(0, 3) })
  const { holds: _, ...old } = aSubject({ deletionAskedAtMs: 9 })
  const reopened = { ...old, id: 'b', reference: 'b', deletionAskedAtMs: 9, reopenedAtMs: 10 }
  const answer = anAnswer({ document: newUuid7() as DocumentId })
  for (const row of [old, reopened]) {
    const into = before.statement('INSERT INTO subject (tenant, id, reference, version, body) VALUES (?, ?, ?, 1, ?)')
    into.run(row.tenant, row.id, row.reference, JSON.stringify(row))
  }
  const into = before.statement('INSERT INTO answer (tenant, key, expires_ms, version, body) VALUES (?, ?, ?, 1, ?)')
  into.run(answer.tenant, answer.key, answer.expiresAtMs, JSON.stringify(answer))
  before.close()
  await using thread = await openSqlite(folder)
  const ledger = new SqliteLedger(thread)
  const kept = { ...old, holds: [] }
  assert.deepEqual(await ledger.findSubjectById(here, old.id), kept)
  assert.deepEqual(await ledger.unansweredSubjects(here, { limit: 9 }), [kept])
  assert.deepEqual(await ledger.answersOf(here, { documents: [answer.document as DocumentId] }), [answer])
  const next = { ...kept, lookAtMs: 5, version: 2 }
  assert.deepEqual(await ledger.commit(rawGrant, [{ row: 'subject', expected: 1, put: next }]), { done: true })
  assert.deepEqual(await ledger.dueSubjects(here, 5, { limit: 9 }), [next])
})

test('sqlite: persons from before the index of answers are found in it', async t => {
  const folder = await freshFolder(t)
  const { migrations } = sqliteSchemas.ledger
  const schema = { ...sqliteSchemas.ledger, migrations: migrations.slice(0, 6) }
  const before = new SqliteFile(join(folder, 'ledger.sqlite'), schema)
  for (const row of answersWaiting()) {
    const into = before.statement(
      'INSERT INTO subject (tenant, id, reference, version, body, unanswered) VALUES (?, ?, ?, 1, ?, ?)',
    )
    into.run(row.tenant, row.id, row.reference, JSON.stringify(row), Number(isUnanswered(row)))
  }
  before.close()
  await using thread = await openSqlite(folder)
  const ledger = new SqliteLedger(thread)
  assert.deepEqual(await Promise.all([5, 6, 9, 10].map(at => ledger.countUnanswered(here, at))), [0, 1, 1, 2])
})
