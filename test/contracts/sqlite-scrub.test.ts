import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { SqliteLedger } from '../../src/adapters/sqlite-ledger.ts'
import { openSqlite, type SqliteThread } from '../../src/adapters/sqlite-thread.ts'
import { unusedIn } from '../../src/adapters/sqlite-unused-space.ts'
import type { Answer } from '../../src/domain/answer.ts'
import { freshFolder } from '../support/fresh-sqlite.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { startSecondProcess } from '../support/second-process.ts'
import { Seeded } from '../support/seeded.ts'
import { anAnswer } from './ledger-rows.ts'

/** Answers whose keys lie in an order of chance, most of them small, so that the pages of the index of keys split often. */
function answersOf(chance: Seeded, count: number): readonly Answer[] {
  const body = () => chance.hex(chance.below(20) === 0 ? 6_000 : 40 + chance.below(200))
  return Array.from({ length: count }, () => anAnswer({ key: chance.hex(43), state: 'done', body: body() }))
}

async function put(ledger: SqliteLedger, answers: readonly Answer[]): Promise<void> {
  const done = await Promise.all(
    answers.map(one => ledger.commit(rawGrant, [{ row: 'answer', expected: 0, put: one }])),
  )
  assert.ok(done.every(one => one.done))
}

async function forget(ledger: SqliteLedger, answers: readonly Answer[]): Promise<void> {
  const done = await Promise.all(
    answers.map(({ key }) => ledger.commit(rawGrant, [{ row: 'answer', expected: 1, forget: { key } }])),
  )
  assert.ok(done.every(one => one.done))
}

const leftover = Buffer.from('what a row that moved left behind; ')
const pageBytes = 4_096

/** Fills what is unused of every page, as moving rows might have; nobody has the file open. */
function leaveBehind(folder: string): void {
  const path = join(folder, 'ledger.sqlite')
  const file = readFileSync(path)
  for (let at = 0; at < file.length; at += pageBytes) {
    const page = file.subarray(at, at + pageBytes)
    for (const [from, to] of unusedIn(page, at === 0)) page.fill(leftover, from, to)
  }
  writeFileSync(path, file)
}

/** How often that is in the files of the ledger. */
function leftIn(folder: string): number {
  const files = readdirSync(folder).filter(name => name.startsWith('ledger'))
  return files.reduce(
    (sum, name) => sum + readFileSync(join(folder, name)).toString('latin1').split(String(leftover)).length - 1,
    0,
  )
}

/** A ledger of these answers, with something left behind in each of its pages. */
async function littered(
  t: TestContext,
  answers: readonly Answer[],
): Promise<{ readonly folder: string; readonly thread: SqliteThread }> {
  const folder = await freshFolder(t)
  {
    await using thread = await openSqlite(folder)
    await put(new SqliteLedger(thread), answers)
  }
  leaveBehind(folder)
  assert.ok(leftIn(folder) > answers.length / 10)
  const thread = await openSqlite(folder)
  t.after(() => thread[Symbol.asyncDispose]())
  return { folder, thread }
}

async function requireWhole(thread: SqliteThread, ledger: SqliteLedger, living: readonly Answer[]): Promise<void> {
  assert.deepEqual(await thread.read('ledger', 'PRAGMA integrity_check', []), [{ integrity_check: 'ok' }])
  assert.deepEqual(await Promise.all(living.map(({ key }) => ledger.findAnswer(key))), living)
}

test('what rows left behind is gone after a scrub, though rows come, move and go in its midst', async t => {
  const chance = new Seeded()
  t.diagnostic(`VAULT_TEST_SEED=${chance.seed}`)
  const living = [...answersOf(chance, 4_000)]
  const { folder, thread } = await littered(t, living)
  const ledger = new SqliteLedger(thread)
  let isOver = false
  const scrubbed = thread.scrub('ledger').then(() => {
    isOver = true
  })
  let meanwhile = 0
  while (!isOver) {
    const [more, gone] = [answersOf(chance, 100), living.splice(chance.below(900), 100)]
    await Promise.all([put(ledger, more), forget(ledger, gone)])
    living.push(...more)
    meanwhile++
  }
  await scrubbed
  assert.ok(meanwhile > 1, String(meanwhile))
  assert.equal(leftIn(folder), 0)
  await requireWhole(thread, ledger, living)
})

test('after a scrub no page brings back what was gone, since those in memory are read anew', async t => {
  const chance = new Seeded()
  t.diagnostic(`VAULT_TEST_SEED=${chance.seed}`)
  const living = answersOf(chance, 300)
  const { folder, thread } = await littered(t, living)
  const ledger = new SqliteLedger(thread)
  await requireWhole(thread, ledger, living)
  await thread.scrub('ledger')
  const changed = living.map(answer => ({ ...answer, expiresAtMs: answer.expiresAtMs + 1, version: 2 }))
  await Promise.all(changed.map(next => ledger.commit(rawGrant, [{ row: 'answer', expected: 1, put: next }])))
  await thread.emptyLog('ledger')
  assert.equal(leftIn(folder), 0)
  await requireWhole(thread, ledger, changed)
})

test('a reader in another process puts a scrub off, and the log is emptied as ever after it', async t => {
  const { folder, thread } = await littered(t, answersOf(new Seeded(), 20))
  const reader = startSecondProcess(t, 'sqlite-child.ts', 'read-file', join(folder, 'ledger.sqlite'))
  assert.equal(await reader.nextLine(), 'reading')
  await put(new SqliteLedger(thread), [anAnswer()])
  await assert.rejects(thread.scrub('ledger'), { code: 'ledger.unavailable' })
  const [setting] = await thread.read('ledger', 'PRAGMA wal_autocheckpoint', [])
  assert.equal(setting?.wal_autocheckpoint, 200)
  await reader.kill()
  await thread.scrub('ledger')
  assert.equal(leftIn(folder), 0)
})

test('a process that is killed in the midst of scrubs leaves every row that it acknowledged', async t => {
  const folder = await freshFolder(t)
  for (let round = 0; round < 4; round++) {
    const child = startSecondProcess(t, 'sqlite-child.ts', 'scrub', folder)
    const acknowledged: string[] = []
    while (acknowledged.length < 40 + 60 * round) acknowledged.push((await child.nextLine()) ?? assert.fail('it ended'))
    await child.kill()
    await using thread = await openSqlite(folder)
    const ledger = new SqliteLedger(thread)
    assert.deepEqual(await thread.read('ledger', 'PRAGMA integrity_check', []), [{ integrity_check: 'ok' }])
    for (const key of acknowledged) assert.ok(await ledger.findAnswer(key), key)
    await thread.scrub('ledger')
  }
})

test('of a page only what belongs to no cell is unused, and a page that does not hold together is left alone', () => {
  const page = Buffer.alloc(512, 0xaa)
  page[0] = 13
  page.writeUInt16BE(480, 1)
  page.writeUInt16BE(3, 3)
  page.writeUInt16BE(400, 5)
  page.writeUInt16BE(0, 480)
  page.writeUInt16BE(20, 482)
  assert.deepEqual(unusedIn(page, false), [
    [14, 400],
    [484, 500],
  ])
  const damaged = (write: (copy: Buffer) => void) => {
    const copy = Buffer.from(page)
    write(copy)
    return unusedIn(copy, false)
  }
  assert.deepEqual(
    damaged(copy => copy.writeUInt8(0)),
    [],
  )
  assert.deepEqual(
    damaged(copy => copy.writeUInt16BE(300, 3)),
    [],
  )
  assert.deepEqual(
    damaged(copy => copy.writeUInt16BE(600, 5)),
    [],
  )
  assert.deepEqual(
    damaged(copy => copy.writeUInt16BE(300, 1)),
    [[14, 400]],
  )
  assert.deepEqual(
    damaged(copy => copy.writeUInt16BE(90, 482)),
    [[14, 400]],
  )
})
