import { constants } from 'node:fs'
import { copyFile, lstat, mkdir, open, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { backup, DatabaseSync } from 'node:sqlite'
import { VaultError } from '../domain/errors.ts'
import { beginCopy, endCopy } from './embedded-backup-mark.ts'
import { type BackupPlaces, requireTarget } from './embedded-backup-target.ts'
import { codeOf, syncFile, syncFolder, translated } from './embedded-copies.ts'

/** What lies in a backup, as the backup itself says it. */
export interface BackupFacts {
  /** Stored papers whose wrapped key and sealed body are there too. */
  readonly papers: number
  readonly wrappedKeys: number
  readonly bodies: number
  readonly entries: number
  readonly bytes: number
  /** Papers that were destroyed while the copy was made: `restore-check` finds them, as all others. */
  readonly destroyedMeanwhile: number
}

/** What is being copied, and how much of it. */
export type BackupProgress = (what: string, done: number, total: number) => void

const atOnce = 8
/** The whole file in one step: a snapshot of one moment, however busy the vault is. */
const everyPage = 2 ** 30

/**
 * Copies an embedded vault, running or not: ledger, wrapped keys, sealed bodies, trail, in that order, so that whatever a row
 * names is there and whatever is there is on record. Each database is copied as of one moment by SQLite itself; bodies never
 * change. Then the copy is opened and held together. Until
 * it is, both folders carry the mark of a copy that is not finished. `data/` and `wrapped-keys/` lie apart, since the keys are to be kept for a
 * shorter time; key file, list of the destroyed and counters are not in it.
 *
 * @throws {VaultError} config.invalid - the target is not empty, or lies in a folder of the vault
 * @throws {VaultError} ledger.unavailable - a file cannot be read, or the copy does not hold together: the reason in words
 * @throws {VaultError} storage.full - no room in the target
 */
export async function backUpFolders(places: BackupPlaces, onProgress: BackupProgress): Promise<BackupFacts> {
  await requireTarget(places)
  return translated(async () => {
    const [data, keys] = [join(places.to, 'data'), join(places.to, 'wrapped-keys')]
    for (const folder of [data, keys]) await beginCopy(folder)
    for (const folder of [join(data, 'blobs'), join(data, 'blobs/v1')]) await mkdir(folder, { mode: 0o700 })
    const ledger = await copyDatabase(places.dataDir, 'ledger', data, onProgress)
    const wrappedKeys = await copyDatabase(places.dataDir, 'wrapped-keys', keys, onProgress)
    const bodies = await copyBodies(ledger, places.dataDir, data, onProgress)
    const trail = await copyDatabase(places.dataDir, 'trail', data, onProgress)
    const facts = await holdTogether({ ledger, wrappedKeys, trail }, places.dataDir, bodies)
    for (const folder of [join(data, 'blobs'), keys, data]) await syncFolder(folder)
    for (const folder of [keys, data]) await endCopy(folder)
    await writeFile(join(places.to, 'backup.json'), `${JSON.stringify({ v: 1, ...facts }, undefined, 2)}\n`, {
      mode: 0o600,
      flush: true,
    })
    for (const folder of [places.to, dirname(places.to)]) await syncFolder(folder)
    return facts
  })
}

async function copyDatabase(from: string, name: string, to: string, onProgress: BackupProgress): Promise<string> {
  const path = join(to, `${name}.sqlite`)
  onProgress(`${name}.sqlite`, 0, 1)
  await (await open(path, 'wx', 0o600)).close()
  using source = new DatabaseSync(join(from, `${name}.sqlite`), { readOnly: true, timeout: 10_000 })
  await backup(source, path, { rate: everyPage })
  await syncFile(path)
  onProgress(`${name}.sqlite`, 1, 1)
  return path
}

/** What the copied ledger names, and nothing else: what an upload under way has written is not part of it. */
async function copyBodies(ledger: string, from: string, to: string, onProgress: BackupProgress) {
  using rows = new DatabaseSync(ledger)
  // A copy of one file is no companion to anything; the vault that opens it makes its own log again.
  rows.exec('PRAGMA journal_mode = DELETE')
  const total = Number(rows.prepare('SELECT count(blob_key) AS n FROM document').get()?.n)
  const shards = new Set<string>()
  let [done, copied, bytes] = [0, 0, 0]
  let group: string[] = []
  const copyGroup = async (): Promise<void> => {
    const sizes = await Promise.all(group.map(key => copyBody(join(from, 'blobs', key), join(to, 'blobs', key))))
    for (const size of sizes) if (size !== undefined) [copied, bytes] = [copied + 1, bytes + size]
    done += group.length
    group = []
    onProgress('sealed bodies', done, total)
  }
  for (const row of rows.prepare('SELECT blob_key FROM document WHERE blob_key IS NOT NULL').iterate()) {
    const key = String(row.blob_key)
    const shard = join(to, 'blobs', dirname(key))
    if (!shards.has(shard)) await mkdir(shard, { mode: 0o700 })
    shards.add(shard)
    group.push(key)
    if (group.length === atOnce) await copyGroup()
  }
  await copyGroup()
  for (const shard of shards) await syncFolder(shard)
  await syncFolder(join(to, 'blobs/v1'))
  return { copied, bytes }
}

/** @returns its size, or undefined when it is not there, as of an attempt that was swept or a paper that was destroyed */
async function copyBody(from: string, to: string): Promise<number | undefined> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
  await syncFile(to)
  const [{ size }, source] = await Promise.all([lstat(to), lstat(from).catch(() => undefined)])
  if (source && source.size !== size) throw new VaultError('ledger.unavailable', { detail: 'a sealed body changed' })
  return size
}

interface Copies {
  readonly ledger: string
  readonly wrappedKeys: string
  readonly trail: string
}

async function holdTogether(
  copies: Copies,
  dataDir: string,
  { copied, bytes }: { readonly copied: number; readonly bytes: number },
): Promise<BackupFacts> {
  using ledger = openWhole(copies.ledger)
  using keys = openWhole(copies.wrappedKeys)
  using trail = openWhole(copies.trail)
  using live = new DatabaseSync(join(dataDir, 'ledger.sqlite'), { readOnly: true, timeout: 10_000 })
  const hasKey = keys.prepare(
    "SELECT 1 FROM wrapped_key WHERE id = ? AND (substr(edks, 1, 2) <> x'0000' OR length(edks) = 2)",
  )
  const stateNow = live.prepare('SELECT state FROM document WHERE tenant = ? AND id = ?')
  const stored = ledger.prepare(`SELECT tenant, id, blob_key, body ->> 'messageId' AS message FROM document
    WHERE state = 'stored'`)
  let [papers, destroyedMeanwhile] = [0, 0]
  for (const { tenant, id, blob_key: blob, message } of stored.iterate()) {
    const body = await sizeOf(join(dirname(copies.ledger), 'blobs', String(blob)))
    if (body !== undefined && hasKey.get(`doc/${String(message)}`)) papers++
    else if (stateNow.get(tenant ?? null, id ?? null)?.state !== 'stored') destroyedMeanwhile++
    else throw new VaultError('ledger.unavailable', { detail: 'a stored paper has no key or no body: run `check`' })
  }
  const files = await Promise.all(Object.values(copies).map(sizeOf))
  return {
    papers,
    wrappedKeys: Number(
      keys
        .prepare("SELECT count(*) AS n FROM wrapped_key WHERE (substr(edks, 1, 2) <> x'0000' OR length(edks) = 2)")
        .get()?.n,
    ),
    bodies: copied,
    entries: Number(trail.prepare('SELECT coalesce(sum(n), 0) AS n FROM batch').get()?.n),
    bytes: files.reduce<number>((sum, size) => sum + (size ?? 0), bytes),
    destroyedMeanwhile,
  }
}

function openWhole(path: string): DatabaseSync {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA journal_mode = DELETE')
  const [verdict] = Object.values(database.prepare('PRAGMA integrity_check(1)').get() ?? {})
  if (verdict === 'ok') return database
  database.close()
  throw new VaultError('ledger.unavailable', { detail: 'a copied database is damaged: run `check`' })
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await lstat(path)).size
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}
