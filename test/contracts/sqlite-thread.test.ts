import assert from 'node:assert/strict'
import { readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { openSqlite } from '../../src/adapters/sqlite-thread.ts'
import { VaultError } from '../../src/domain/errors.ts'
import { freshFolder, freshSqlite } from '../support/fresh-sqlite.ts'

const names = ['trail', 'ledger', 'wrapped-keys', 'budgets'] as const
const unavailable = (code: string) => (error: unknown) => error instanceof VaultError && error.code === code

test('every file runs with the settings that its promises rest on', async t => {
  const { thread } = await freshSqlite(t)
  const setting = async (name: (typeof names)[number], pragma: string) =>
    Object.values((await thread.read(name, `PRAGMA ${pragma}`, []))[0] ?? {})[0]
  for (const name of names) {
    assert.equal(await setting(name, 'journal_mode'), 'wal')
    assert.equal(await setting(name, 'synchronous'), name === 'budgets' ? 1 : 2, `${name} syncs each commit`)
    assert.equal(await setting(name, 'trusted_schema'), 0)
    assert.equal(await setting(name, 'foreign_keys'), 1)
    assert.equal(await setting(name, 'temp_store'), 2)
    assert.equal(await setting(name, 'wal_autocheckpoint'), 200)
    assert.equal(await setting(name, 'secure_delete'), name === 'wrapped-keys' || name === 'ledger' ? 1 : 0)
    const tables = await thread.read(name, "SELECT name, strict FROM pragma_table_list WHERE schema = 'main'", [])
    const own = tables.filter(table => !String(table.name).startsWith('sqlite_'))
    assert.ok(own.length > 0 && own.every(table => table.strict === 1))
    await assert.rejects(thread.read(name, 'SELECT "no such column"', []), RangeError)
  }
})

test('files are their owner’s alone, the write-ahead logs included', async t => {
  const { folder } = await freshSqlite(t)
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
  for (const name of await readdir(folder)) assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600, name)
})

test('a file that lay open to others is closed to them at the start', async t => {
  const folder = await freshFolder(t)
  await writeFile(join(folder, 'trail.sqlite'), '', { mode: 0o644 })
  await using _thread = await openSqlite(folder)
  assert.equal((await stat(join(folder, 'trail.sqlite'))).mode & 0o777, 0o600)
})

test('batches of the trail cannot be changed or removed, by any statement', async t => {
  const { thread } = await freshSqlite(t)
  const zeros = (n: number) => `zeroblob(${n})`
  const insert = (verb: string) => `${verb} INTO batch VALUES ('l', 0, 0, 1, ${zeros(32)}, ${zeros(32)}, ${zeros(0)},
    x'00', 'i', ${zeros(16)}, 0)`
  const run = (sql: string) => thread.write('trail', [{ sql, params: [] }])
  await run(insert('INSERT'))
  await assert.rejects(run("UPDATE batch SET inst = 'j'"), RangeError)
  await assert.rejects(run('DELETE FROM batch'), RangeError)
  await assert.rejects(run(insert('INSERT OR REPLACE')), RangeError)
  assert.deepEqual(await thread.read('trail', 'SELECT inst FROM batch', []), [{ inst: 'i' }])
})

test('a file of a newer version of the vault is refused at the start', async t => {
  const folder = await freshFolder(t)
  await (await openSqlite(folder))[Symbol.asyncDispose]()
  const database = new DatabaseSync(join(folder, 'ledger.sqlite'))
  database.exec('PRAGMA user_version = 99')
  database.close()
  await assert.rejects(openSqlite(folder), /newer version/)
})

test('a file that keeps maps of its pages between them is refused at the start, since nothing here tells one from rows', async t => {
  for (const mode of ['FULL', 'INCREMENTAL']) {
    const folder = await freshFolder(t)
    await (await openSqlite(folder))[Symbol.asyncDispose]()
    const database = new DatabaseSync(join(folder, 'ledger.sqlite'))
    database.exec(`PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = ${mode}; VACUUM`)
    database.close()
    await assert.rejects(openSqlite(folder), /auto_vacuum/)
  }
})

test('a file that is no database is refused at the start', async t => {
  const folder = await freshFolder(t)
  await writeFile(join(folder, 'trail.sqlite'), 'x'.repeat(8_192))
  await assert.rejects(openSqlite(folder))
})

test('what was written is there after the files were closed and opened again', async t => {
  const folder = await freshFolder(t)
  const first = await openSqlite(folder)
  await first.write('budgets', [{ sql: "INSERT INTO spend VALUES ('k', 0, 3)", params: [] }])
  await first[Symbol.asyncDispose]()
  assert.deepEqual((await readdir(folder)).sort(), names.map(name => `${name}.sqlite`).sort(), 'no log is left behind')
  await using second = await openSqlite(folder)
  assert.deepEqual(await second.read('budgets', 'SELECT spent FROM spend', []), [{ spent: 3 }])
})

test('questions to one file are answered in order, reads between writes see what came before them', async t => {
  const { thread } = await freshSqlite(t)
  const add = () =>
    thread.write('budgets', [
      { sql: "INSERT INTO spend VALUES ('k', 0, 1) ON CONFLICT DO UPDATE SET spent = spent + 1", params: [] },
    ])
  const look = () => thread.read('budgets', 'SELECT spent FROM spend', [])
  const answers = await Promise.all([look(), add(), look(), add(), add(), look()])
  assert.deepEqual([answers[0], answers[2], answers[5]], [[], [{ spent: 1 }], [{ spent: 3 }]])
})

test('a statement that the schema refuses is a defect, and harms nothing that is committed beside it', async t => {
  const { thread } = await freshSqlite(t)
  const insert = (window: number | string) =>
    thread.write('budgets', [{ sql: "INSERT INTO spend VALUES ('k', ?, 1)", params: [window] }])
  const results = await Promise.allSettled([insert(1), insert('no number'), insert(2)])
  assert.deepEqual(
    results.map(result => result.status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  assert.ok(results[1]?.status === 'rejected' && results[1].reason instanceof RangeError)
  assert.equal((await thread.read('budgets', 'SELECT * FROM spend', [])).length, 2)
})

test('a worker that does not answer is answered for within its bound, and what waited meanwhile never takes effect', async t => {
  const { thread } = await freshSqlite(t)
  const count =
    'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000000) SELECT max(i) FROM n'
  const stuck = thread.read('ledger', count, [])
  const waiting = thread.write('budgets', [{ sql: "INSERT INTO spend VALUES ('late', 0, 1)", params: [] }])
  await assert.rejects(stuck, unavailable('ledger.unavailable'))
  await assert.rejects(waiting, unavailable('ledger.unavailable'))
  const rows = await eventually(() => thread.read('budgets', 'SELECT key FROM spend', []))
  assert.deepEqual(rows, [])
})

test('calls beyond what may lie before a worker that does not answer fail at once', async t => {
  const { thread } = await freshSqlite(t)
  const large = new Uint8Array(16 * 1024 * 1024)
  const sql = 'SELECT length(?) AS n'
  const calls = await Promise.allSettled(Array.from({ length: 5 }, () => thread.read('ledger', sql, [large])))
  assert.deepEqual(
    calls.map(call => call.status),
    ['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected'],
  )
  assert.equal((await thread.read('ledger', sql, [large]))[0]?.n, large.length)
})

test('after it was closed every call fails as unavailable, and closing again does nothing', async t => {
  const { thread } = await freshSqlite(t)
  const last = thread.write('budgets', [{ sql: "INSERT INTO spend VALUES ('k', 0, 1)", params: [] }])
  await Promise.all([last, thread[Symbol.asyncDispose]()])
  await thread[Symbol.asyncDispose]()
  for (const [name, code] of Object.entries({
    trail: 'trail.unavailable',
    ledger: 'ledger.unavailable',
    'wrapped-keys': 'keys.unavailable',
    budgets: 'ledger.unavailable',
  })) {
    await assert.rejects(thread.read(name as (typeof names)[number], 'SELECT 1', []), unavailable(code))
  }
})

test('a worker that dies fails what is pending and what comes later', async t => {
  const folder = await freshFolder(t)
  const { Worker } = await import('node:worker_threads')
  const { SqliteThread } = await import('../../src/adapters/sqlite-thread.ts')
  const url = new URL('../../src/adapters/sqlite-worker.ts', import.meta.url)
  const worker = new Worker(url)
  await using thread = new SqliteThread(worker)
  await thread.open(folder)
  // Ends by itself: a thread cannot be stopped inside a statement.
  const count =
    'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT max(i) FROM n'
  const pending = assert.rejects(thread.read('trail', count, []), unavailable('trail.unavailable'))
  setImmediate(() => void worker.terminate())
  await pending
  await assert.rejects(thread.read('wrapped-keys', 'SELECT 1', []), unavailable('keys.unavailable'))
})

/** Asks again while the answer is unavailable: each refusal takes its own bound of time, so this is no busy loop. */
async function eventually<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 0; ; tries++) {
    try {
      return await ask()
    } catch (error) {
      if (tries === 20 || !(error instanceof VaultError)) throw error
    }
  }
}
