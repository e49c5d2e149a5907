import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { VaultError } from '../domain/errors.ts'
import type { Finding } from '../domain/finding.ts'
import { type SqliteFileName, sqliteFileNames } from './sqlite-schema.ts'

export interface Folders {
  readonly dataDir: string
  readonly keysDir: string
}

const companions = ['', '-wal', '-shm', '-journal']
const ours = new Set([
  ...[...sqliteFileNames, 'writer-lock'].flatMap(name => companions.map(end => `${name}.sqlite${end}`)),
  'blobs',
  'serving.json',
  'lost+found',
])
/** Counters may be forgotten; a vault without one of these has lost papers, proofs or evidence. */
const needed = ['trail', 'ledger', 'wrapped-keys'] as const satisfies readonly SqliteFileName[]

/** The columns beside a body, and what they must be; any other value means that something else wrote the row. */
const rowRules = [
  {
    table: 'document',
    id: 'id',
    columns: ['tenant', 'id', 'subject', 'state', 'version'],
    more: `OR body ->> 'uploadMac' IS NOT upload_mac OR body ->> 'blobKey' IS NOT blob_key
      OR due_ms IS NOT CASE state WHEN 'depositing' THEN body ->> 'deadlineMs'
        WHEN 'abandoned' THEN body ->> 'abandonedAtMs' END`,
  },
  { table: 'subject', id: 'id', columns: ['tenant', 'id', 'reference', 'version'], more: '' },
  { table: 'review', id: 'id', columns: ['tenant', 'id', 'document', 'state', 'version'], more: '' },
  { table: 'desk', id: 'person', columns: ['tenant', 'person', 'version'], more: '' },
  {
    table: 'answer',
    id: 'key',
    columns: ['tenant', 'key', 'version'],
    more: "OR body ->> 'expiresAtMs' IS NOT expires_ms",
  },
  { table: 'api_key', id: 'key_id', columns: ['tenant', 'version'], more: "OR body ->> 'keyId' IS NOT key_id" },
] as const

/**
 * Looks at the folders of an embedded vault from below its ports: files that are missing, damaged, open to others or not the
 * vault's, and rows whose columns and bodies disagree. It reads alone, beside a running vault too.
 *
 * @throws {VaultError} ledger.unavailable - a folder cannot be read
 */
export async function* inspectFolders(folders: Folders): AsyncGenerator<Finding, void> {
  yield* inspectFolder(folders.dataDir, 'data', name => ours.has(name))
  // Beside the key file an operator may keep others, such as its passphrase; only what a broken write left is foreign.
  yield* inspectFolder(folders.keysDir, 'keys', name => !name.endsWith('.new'))
  for (const name of needed) {
    const path = join(folders.dataDir, `${name}.sqlite`)
    const file = `data/${name}.sqlite`
    if (await modeOf(path)) yield* inspectDatabase(path, file, name === 'ledger')
    else yield { code: 'file.missing', file }
  }
  if (!(await modeOf(join(folders.keysDir, 'keyring.json')))) yield { code: 'file.missing', file: 'keys/keyring.json' }
}

async function* inspectFolder(
  path: string,
  name: string,
  isOurs: (name: string) => boolean,
): AsyncGenerator<Finding, void> {
  yield* inspectMode(path, name)
  for await (const entry of await folderAt(path)) {
    const file = `${name}/${entry.name}`
    if (!isOurs(entry.name)) yield { code: 'file.foreign', file }
    else if (!entry.isDirectory()) yield* inspectMode(join(path, entry.name), file)
    else if (entry.name !== 'lost+found') yield* inspectFolder(join(path, entry.name), file, () => true)
  }
}

async function* inspectMode(path: string, file: string): AsyncGenerator<Finding, void> {
  const mode = await modeOf(path)
  if (mode !== undefined && (mode & 0o077) !== 0) yield { code: 'file.mode', file }
}

async function folderAt(path: string) {
  try {
    return await opendir(path)
  } catch (error) {
    throw new VaultError('ledger.unavailable', { detail: 'a folder of the vault cannot be read' }, error)
  }
}

/** Permission bits; undefined when nothing is there. */
async function modeOf(path: string): Promise<number | undefined> {
  try {
    return (await lstat(path)).mode & 0o777
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new VaultError('ledger.unavailable', { detail: 'a file of the vault cannot be looked at' }, error)
  }
}

function* inspectDatabase(path: string, file: string, hasRows: boolean): Generator<Finding, void> {
  let rows: readonly Finding[]
  try {
    using database = new DatabaseSync(path, { readOnly: true, timeout: 2_000 })
    const [verdict] = Object.values(database.prepare('PRAGMA integrity_check(1)').get() ?? {})
    rows = verdict === 'ok' ? [...(hasRows ? disagreements(database) : [])] : [{ code: 'file.corrupt', file }]
  } catch (error) {
    if (isBusy(error)) throw new VaultError('ledger.unavailable', { detail: 'a store is locked' }, error)
    rows = [{ code: 'file.corrupt', file }]
  }
  yield* rows
}

function* disagreements(database: DatabaseSync): Generator<Finding, void> {
  for (const { table, id, columns, more } of rowRules) {
    const differs = columns.map(column => `body ->> '${column}' IS NOT ${column}`).join(' OR ')
    const wrong = database.prepare(`SELECT tenant, ${id} AS id FROM ${table} WHERE ${differs} ${more}`)
    for (const row of wrong.iterate()) {
      const named = table === 'api_key' || table === 'desk' ? 'person' : table
      yield { code: 'row.differs', tenant: String(row.tenant), [named]: String(row.id), detail: table }
    }
  }
}

const busy = 5

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === busy
}
