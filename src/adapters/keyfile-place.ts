import { randomBytes } from 'node:crypto'
import { constants, lstatSync, type Stats } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, readdir, realpath, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { KeyfileProblem } from './keyfile-format.ts'

/** What in a data folder says nothing of whether papers were ever kept in it. */
const harmless = new Set(['writer-lock.sqlite', 'writer-lock.sqlite-journal', 'serving.json', 'lost+found'])

/**
 * Refuses a folder for keys that is not the service user's own and nobody else's, or lies in the data folder, where a backup
 * of the data would take the keys along. Makes it (0700) if it is not there.
 * @throws {KeyfileProblem} in words
 */
export async function requirePrivateFolder(folder: string, dataDir: string): Promise<void> {
  if (isWithin(resolve(folder), resolve(dataDir))) throw new KeyfileProblem('lies in the data folder')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const stat = await lstat(folder)
  if (stat.isSymbolicLink()) throw new KeyfileProblem('is in a folder that is a symbolic link')
  if (!stat.isDirectory()) throw new KeyfileProblem('is in something that is no folder')
  requireOwn(stat, 'is in a folder that')
  if (isWithin(await realpath(folder), await realOf(dataDir))) throw new KeyfileProblem('lies in the data folder')
}

/** @throws {KeyfileProblem} the data folder holds something: its papers could never be opened with a new key file */
export async function requireEmptyData(dataDir: string): Promise<void> {
  const names = await namesIn(dataDir)
  if (names.every(name => harmless.has(name))) return
  throw new KeyfileProblem(
    'is missing, but the data folder is not empty: put the key file back, a new one opens nothing',
  )
}

export interface PrivateFile {
  readonly bytes: Buffer
  /** Tells whether the path still names the same, unchanged file. */
  readonly mark: string
}

/**
 * Reads a small file that is the service user's own and nobody else's; a symbolic link is never followed.
 * @returns undefined when nothing is there
 * @throws {KeyfileProblem} in words
 */
export async function readPrivateFile(path: string): Promise<PrivateFile | undefined> {
  const before = await statOf(path)
  if (!before) return undefined
  if (before.isSymbolicLink()) throw new KeyfileProblem('is a symbolic link')
  if (!before.isFile()) throw new KeyfileProblem('is no regular file')
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  const stat = await file.stat()
  requireOwn(stat, 'has a mode that')
  if (stat.size > 1024 * 1024) throw new KeyfileProblem('is larger than 1 MiB')
  return { bytes: await file.readFile(), mark: markOf(stat) }
}

/**
 * The mark of what the path names now; undefined when nothing is there. It is asked for each paper, and the system answers from
 * memory: 3 µs at once, where a thread would have to be woken for it and a first byte waits for that.
 */
export function currentMark(path: string): string | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  return stat ? markOf(stat) : undefined
}

/**
 * Writes over what the path names before it is replaced, and over what a writer that died left beside it, and removes that: the
 * names of files are not all that holds their bytes. What a file system or a disk keeps of older blocks is out of reach.
 */
export async function replacePrivateFile(path: string, bytes: Buffer): Promise<void> {
  await using before = await open(path, constants.O_RDWR | constants.O_NOFOLLOW)
  await writePrivateFile(path, bytes)
  await blank(before)
  await removeLeftovers(path)
}

/** Removes what a writer that died left beside the file. */
export async function removeLeftovers(path: string): Promise<void> {
  const folder = dirname(path)
  const leftover = new RegExp(`^${basename(path).replaceAll('.', '\\.')}\\.[0-9a-f]{12}\\.new$`)
  for (const name of (await namesIn(folder)).filter(found => leftover.test(found))) {
    await using file = await open(join(folder, name), constants.O_RDWR | constants.O_NOFOLLOW)
    await blank(file)
    await unlink(join(folder, name))
  }
}

async function blank(file: FileHandle): Promise<void> {
  const { size } = await file.stat()
  await file.write(Buffer.alloc(size), 0, size, 0)
  await file.sync()
}

/** Written beside its name, synchronised, renamed, and the folder synchronised: whole or not at all, 0600. */
export async function writePrivateFile(path: string, bytes: Buffer): Promise<void> {
  const beside = `${path}.${randomBytes(6).toString('hex')}.new`
  try {
    const file = await open(beside, 'wx', 0o600)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
  } catch (error) {
    await unlink(beside).catch(() => undefined)
    throw error
  }
  await using folder = await open(dirname(path), 'r')
  await folder.sync()
}

function requireOwn(stat: Stats, what: string): void {
  const own = process.geteuid?.()
  if (own !== undefined && stat.uid !== own) throw new KeyfileProblem(`${what} belongs to another user`)
  if ((stat.mode & 0o077) !== 0)
    throw new KeyfileProblem(`${what} lets group or others in: it must be ${stat.isDirectory() ? '0700' : '0600'}`)
}

const markOf = ({ dev, ino, size, mtimeMs, ctimeMs, mode, uid }: Stats): string =>
  [dev, ino, size, mtimeMs, ctimeMs, mode, uid].join(' ')

function isWithin(path: string, root: string): boolean {
  const from = relative(root, path)
  return from === '' || (from !== '..' && !from.startsWith(`..${sep}`) && !from.startsWith(sep))
}

/** The real path, also of a folder that is not there yet. */
async function realOf(path: string): Promise<string> {
  const stat = await statOf(path)
  if (stat) return realpath(path)
  return join(await realOf(dirname(resolve(path))), relative(dirname(resolve(path)), resolve(path)))
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path)
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}

const isAbsent = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'
