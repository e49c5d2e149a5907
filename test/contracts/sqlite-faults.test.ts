import assert from 'node:assert/strict'
import { copyFile, rename, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { SqliteBudgets } from '../../src/adapters/sqlite-budgets.ts'
import { SqliteLedger } from '../../src/adapters/sqlite-ledger.ts'
import { openSqlite } from '../../src/adapters/sqlite-thread.ts'
import { SqliteTrailBatches } from '../../src/adapters/sqlite-trail-batches.ts'
import { SqliteWrappedKeys } from '../../src/adapters/sqlite-wrapped-keys.ts'
import { VaultError } from '../../src/domain/errors.ts'
import { freshFolder, freshSqlite } from '../support/fresh-sqlite.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { startSecondProcess } from '../support/second-process.ts'
import { anAnswer, aSubject, here } from './ledger-rows.ts'
import { aBatch, sameBatch } from './trail-batches.contract.ts'
import { aWrappedKey } from './wrapped-keys.contract.ts'

const failsWith = (code: string) => (error: unknown) => error instanceof VaultError && error.code === code

test('a file locked by another process is answered as unavailable within 2.5 s, and works again after', async t => {
  const { thread, folder } = await freshSqlite(t)
  const ledger = new SqliteLedger(thread)
  const batches = new SqliteTrailBatches(thread)
  const other = startSecondProcess(t, 'sqlite-child.ts', 'lock-file', join(folder, 'ledger.sqlite'))
  assert.equal(await other.nextLine(), 'locked')
  const subject = aSubject()
  const change = { row: 'subject', expected: 0, put: subject } as const
  const startedMs = performance.now()
  const refused = assert.rejects(ledger.commit(rawGrant, [change]), failsWith('ledger.unavailable'))
  assert.equal(await batches.insert(aBatch()), 'inserted', 'the other files go on meanwhile')
  await refused
  assert.ok(performance.now() - startedMs < 2_500)
  await other.kill()
  assert.equal(await ledger.findSubject(here, subject.reference), undefined, 'what was refused did not happen later')
  assert.deepEqual(await ledger.commit(rawGrant, [change]), { done: true })
})

test('a write that waits for a lock of another process is done once that lets go', async t => {
  const { thread, folder } = await freshSqlite(t)
  const other = startSecondProcess(t, 'sqlite-child.ts', 'lock-file', join(folder, 'trail.sqlite'))
  assert.equal(await other.nextLine(), 'locked')
  const inserted = new SqliteTrailBatches(thread).insert(aBatch())
  await other.kill()
  assert.equal(await inserted, 'inserted')
})

test('a reader in another process keeps a destruction from being reported before its bytes are gone', async t => {
  const { thread, folder } = await freshSqlite(t)
  const keys = new SqliteWrappedKeys(thread)
  const key = aWrappedKey()
  await keys.put(rawGrant, key)
  const other = startSecondProcess(t, 'sqlite-child.ts', 'read-file', join(folder, 'wrapped-keys.sqlite'))
  assert.equal(await other.nextLine(), 'reading')
  await assert.rejects(keys.destroy(rawGrant, [key.id]), failsWith('keys.unavailable'))
  await other.kill()
  await keys.destroy(rawGrant, [key.id])
})

const losses: Readonly<Record<string, (path: string) => Promise<void>>> = {
  unlinked: unlink,
  'replaced by a copy': async path => {
    await copyFile(path, `${path}.copy`)
    await rename(`${path}.copy`, path)
  },
  'replaced by a folder entry that is empty': async path => {
    await unlink(path)
    await writeFile(path, '')
  },
  truncated: path => truncate(path, 4_096),
  'without its write-ahead log': path => unlink(`${path}-wal`),
}

for (const [how, lose] of Object.entries(losses)) {
  test(`a trail file that is ${how} acknowledges nothing and shows nothing`, async t => {
    const { thread, folder } = await freshSqlite(t)
    const batches = new SqliteTrailBatches(thread)
    await batches.insert(aBatch())
    await thread.emptyLog('trail')
    await lose(join(folder, 'trail.sqlite'))
    const next = aBatch({ seq: 1, first: 1 })
    await assert.rejects(batches.insert(next), failsWith('trail.unavailable'))
    // Not even its own nonce may be found again: the writer would take that for an acknowledgement.
    await assert.rejects(batches.find(next.log, 1), failsWith('trail.unavailable'))
    await assert.rejects(batches.ready(), failsWith('trail.unavailable'))
  })
}

test('a trail file that was moved away and comes back is written again', async t => {
  const { thread, folder } = await freshSqlite(t)
  const batches = new SqliteTrailBatches(thread)
  const path = join(folder, 'trail.sqlite')
  await batches.insert(aBatch())
  await rename(path, `${path}.away`)
  await assert.rejects(batches.ready(), failsWith('trail.unavailable'))
  await rename(`${path}.away`, path)
  await batches.ready()
  assert.equal(await batches.insert(aBatch({ seq: 1, first: 1 })), 'inserted')
})

test('a batch that finds no room is not there, and the next one that finds room is', async t => {
  const { thread } = await freshSqlite(t)
  const batches = new SqliteTrailBatches(thread)
  await batches.insert(aBatch())
  const pages = Number((await thread.read('trail', 'PRAGMA page_count', []))[0]?.page_count)
  await thread.read('trail', `PRAGMA max_page_count = ${pages + 2}`, [])
  const large = aBatch({ seq: 1, first: 1, n: 512, entries: new Uint8Array(300_000) })
  await assert.rejects(batches.insert(large), failsWith('storage.full'))
  assert.equal(await batches.find(large.log, 1), undefined)
  await thread.read('trail', 'PRAGMA max_page_count = 1000000', [])
  assert.equal(await batches.insert(large), 'inserted')
})

test('a commit that finds no room says so and leaves nothing of itself', async t => {
  const { thread } = await freshSqlite(t)
  const ledger = new SqliteLedger(thread)
  const pages = Number((await thread.read('ledger', 'PRAGMA page_count', []))[0]?.page_count)
  await thread.read('ledger', `PRAGMA max_page_count = ${pages}`, [])
  const subject = aSubject()
  const answer = anAnswer({ body: 'x'.repeat(50_000) })
  const changes = [
    { row: 'subject', expected: 0, put: subject },
    { row: 'answer', expected: 0, put: answer },
  ] as const
  await assert.rejects(ledger.commit(rawGrant, changes), failsWith('storage.full'))
  assert.equal(await ledger.findSubject(here, subject.reference), undefined)
  await thread.read('ledger', 'PRAGMA max_page_count = 1000000', [])
  assert.deepEqual(await ledger.commit(rawGrant, changes), { done: true })
})

test('a process killed between insert and acknowledgement loses nothing that it acknowledged', async t => {
  const folder = await freshFolder(t)
  for (const kills of [1, 20, 200, 400]) {
    const data = join(folder, String(kills))
    const writer = startSecondProcess(t, 'sqlite-child.ts', 'append', data)
    let acknowledged = -1
    while (acknowledged < kills) {
      const line = await writer.nextLine()
      if (line === undefined) break
      acknowledged = Number(line)
    }
    await writer.kill()
    for (let line = await writer.nextLine(); line !== undefined; line = await writer.nextLine())
      acknowledged = Number(line)
    await using thread = await openSqlite(data)
    const batches = new SqliteTrailBatches(thread)
    const found = await batches.range('acme/2026', 0, acknowledged + 10)
    assert.ok(found.length > acknowledged && found.length <= acknowledged + 2)
    for (const [seq, batch] of found.entries()) {
      const number = new DataView(batch.nonce.buffer, batch.nonce.byteOffset).getUint32(0)
      assert.deepEqual([batch.seq, number, batch.entries.length], [seq, seq, 600])
    }
    const next = aBatch({ seq: found.length, first: found.length })
    assert.equal(await batches.insert(next), 'inserted')
    sameBatch(await batches.tail(next.log), next)
  }
})

test('counts of a process that was killed are still there', async t => {
  const folder = await freshFolder(t)
  const spender = startSecondProcess(t, 'sqlite-child.ts', 'spend', folder)
  assert.equal(await spender.nextLine(), '5')
  await spender.kill()
  await using thread = await openSqlite(folder)
  assert.deepEqual(await new SqliteBudgets(thread).spend('k', 0, 1, 5), { granted: false, spent: 5 })
})
