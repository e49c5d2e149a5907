import { randomBytes } from 'node:crypto'
import { lstat, open, readFile, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UsageError } from './command.ts'

/** Replaces or makes a file of mode 0600, whole or not at all, durable when it resolves. */
export async function writePrivate(path: string, text: string): Promise<void> {
  const beside = `${path}.${randomBytes(6).toString('hex')}.new`
  try {
    await using file = await open(beside, 'wx', 0o600)
    await file.writeFile(text)
    await file.sync()
  } catch (error) {
    await removeIfThere(beside)
    throw error
  }
  await rename(beside, path)
  await using folder = await open(dirname(path), 'r')
  await folder.sync()
}

/** The text of a file, or undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

export async function removeIfThere(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if (!isAbsent(error)) throw error
  }
}

/**
 * The one line of a file that holds a credential.
 * @throws {UsageError} not there, or open to group or others
 */
export async function readSecretLine(path: string): Promise<string> {
  const stat = await lstat(path).catch(error => {
    throw isAbsent(error) ? new UsageError(`${path} is not there.`) : error
  })
  if (!stat.isFile()) throw new UsageError(`${path} is no regular file.`)
  if ((stat.mode & 0o077) !== 0) throw new UsageError(`${path} lets group or others in: it must be 0600.`)
  return (await readFile(path, 'utf8')).trim()
}

export const isAbsent = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'
