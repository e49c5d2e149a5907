import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

const resultBusy = 5

/**
 * Holds the data folder for this process: one process writes to it. The lock is the operating system's, so it ends with the
 * process however that ends; dispose of it to end it earlier. The folder is made if need be (0700).
 *
 * @returns undefined while another holder, in this process or another, has it
 * @throws {Error} the folder or the lock file cannot be made or opened
 */
export async function holdWriterLock(dataDir: string): Promise<AsyncDisposable | undefined> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const path = join(dataDir, 'writer-lock.sqlite')
  // An existing file is not opened here: closing any descriptor of it would drop a lock that this process holds.
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
  const database = new DatabaseSync(path, { timeout: 0, defensive: true })
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (error instanceof Error && 'errcode' in error && error.errcode === resultBusy) return undefined
    throw error
  }
  return {
    async [Symbol.asyncDispose]() {
      if (database.isOpen) database.close()
    },
  }
}
