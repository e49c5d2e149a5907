import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { holdWriterLock } from '../../src/adapters/sqlite-writer-lock.ts'
import { freshFolder } from '../support/fresh-sqlite.ts'
import { startSecondProcess } from '../support/second-process.ts'

test('a folder is held by one holder, and free again once that one lets go', async t => {
  const folder = join(await freshFolder(t), 'data')
  const first = await holdWriterLock(folder)
  assert.ok(first)
  assert.equal(await holdWriterLock(folder), undefined)
  await first[Symbol.asyncDispose]()
  await first[Symbol.asyncDispose]()
  const second = await holdWriterLock(folder)
  assert.ok(second)
  await second[Symbol.asyncDispose]()
})

test('the folder that is made is its owner’s alone, and so is the lock file', async t => {
  const folder = join(await freshFolder(t), 'data')
  await using lock = await holdWriterLock(folder)
  assert.ok(lock)
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
  assert.equal((await stat(join(folder, 'writer-lock.sqlite'))).mode & 0o777, 0o600)
})

test('a second process is refused while the first holds the folder', async t => {
  const folder = await freshFolder(t)
  await using lock = await holdWriterLock(folder)
  assert.ok(lock)
  const second = startSecondProcess(t, 'sqlite-child.ts', 'writer-lock', folder)
  assert.equal(await second.nextLine(), 'refused')
})

test('a holder that is killed leaves the folder free', async t => {
  const folder = await freshFolder(t)
  const second = startSecondProcess(t, 'sqlite-child.ts', 'writer-lock', folder)
  assert.equal(await second.nextLine(), 'held')
  assert.equal(await holdWriterLock(folder), undefined)
  await second.kill()
  await using lock = await holdWriterLock(folder)
  assert.ok(lock)
})
