import { open } from 'node:fs/promises'
import { VaultError } from '../domain/errors.ts'

/** What is in the file is on the disk when it resolves. */
export async function syncFile(path: string): Promise<void> {
  await using file = await open(path, 'r+')
  await file.sync()
}

/** So is which files the folder has. */
export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r')
  await folder.sync()
}

/** The code of an error of the operating system, of Node.js or of SQLite's binding. */
export const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error ? String(error.code) : undefined

/**
 * Work on a copy whose errors are told in words.
 * @throws {VaultError} storage.full - no room in the target
 * @throws {VaultError} ledger.unavailable - anything else; an error that is told already is passed on
 */
export async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof VaultError) throw error
    const full = codeOf(error) === 'ENOSPC' || (error instanceof Error && 'errcode' in error && isFull(error.errcode))
    const detail = `the backup cannot be made (${codeOf(error) ?? 'unexpected'})`
    throw new VaultError(full ? 'storage.full' : 'ledger.unavailable', { detail }, error)
  }
}

/** SQLITE_FULL, and SQLITE_IOERR_SHMSIZE: there was no room to enlarge the file that stands beside a log. */
function isFull(errcode: unknown): boolean {
  return errcode === 13 || errcode === 4_874
}
