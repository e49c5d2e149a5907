import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { openSqlite, type SqliteThread } from '../../src/adapters/sqlite-thread.ts'

/** A folder of its own, gone after the test. */
export async function freshFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vault-test-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** New, empty SQLite files in a folder of their own; closed and gone after the test. */
export async function freshSqlite(t: TestContext): Promise<{ thread: SqliteThread; folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'vault-test-'))
  const thread = await openSqlite(folder)
  t.after(async () => {
    await thread[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })
  return { thread, folder }
}
