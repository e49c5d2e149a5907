import { chmodSync, closeSync, fstatSync, fsyncSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { pagesInLog } from './sqlite-log-pages.ts'
import type { SqliteSchema } from './sqlite-schema.ts'

/** The path no longer names the file that is open: what was written to it would be gone with the process. */
export class PathLost extends Error {}

/** Checkpoints are the tail of the latency: small ones stall for 3 ms, ones of 10,000 pages for 48 ms. */
const autoCheckpointPages = 200

interface Identity {
  readonly dev: bigint
  readonly ino: bigint
}

/** One open SQLite file with its statements; used in the worker thread alone, since every call blocks. */
export class SqliteFile {
  readonly database: DatabaseSync
  readonly pageBytes: number
  readonly #path: string
  readonly #statements = new Map<string, StatementSync>()
  readonly #main: Identity
  readonly #wal: Identity
  #sizeBytes = 0n
  #descriptor: number | undefined
  #written: Set<number> | undefined

  /** Opens or creates the file, brings it to the newest schema, and refuses settings that did not take. */
  constructor(path: string, schema: SqliteSchema) {
    this.#path = path
    makePrivate(path)
    this.database = new DatabaseSync(path, {
      timeout: 0,
      defensive: true,
      enableForeignKeyConstraints: true,
      enableDoubleQuotedStringLiterals: false,
      allowExtension: false,
    })
    try {
      this.#settle(schema)
      this.#migrate(schema.migrations)
      this.pageBytes = Number(this.database.prepare('PRAGMA page_size').get()?.page_size)
      this.#main = identityOf(path)
      this.#wal = identityOf(`${path}-wal`)
    } catch (error) {
      this.database.close()
      throw error
    }
  }

  statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.database.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  /**
   * Commits to a file that was unlinked or replaced succeed, so each answer waits for this look at the path.
   * @throws {PathLost} main file or write-ahead log is not the one that was opened, or the main file shrank: it never does
   *   here, since nothing vacuums
   */
  requireSamePath(): void {
    const main = identityOf(this.#path)
    const wal = identityOf(`${this.#path}-wal`)
    if (!isSame(main, this.#main) || !isSame(wal, this.#wal) || main.size < this.#sizeBytes) {
      throw new PathLost('path lost')
    }
    this.#sizeBytes = main.size
  }

  /**
   * The main file itself, below SQLite. It stays open until SQLite has closed the file: closing it before would drop the
   * locks that SQLite holds in this process.
   * @throws {PathLost} the path names another file by now
   */
  descriptor(): number {
    this.#descriptor ??= openSync(this.#path, 'r+')
    if (!isSame(fstatSync(this.#descriptor, { bigint: true }), this.#main)) throw new PathLost('path lost')
    return this.#descriptor
  }

  /** Every page of the log goes to the main file, and the log is cut to nothing. @returns false while a reader needs it */
  emptyLog(): boolean {
    for (const page of this.#written ? pagesInLog(`${this.#path}-wal`, this.pageBytes) : []) this.#written?.add(page)
    return this.statement('PRAGMA wal_checkpoint(TRUNCATE)').get()?.busy === 0
  }

  /** While it is held no commit empties the log, and it is known which pages were written. */
  holdLog(isHeld: boolean): void {
    this.database.exec(`PRAGMA wal_autocheckpoint = ${isHeld ? 0 : autoCheckpointPages}`)
    this.#written = isHeld ? new Set() : undefined
  }

  /** Pages that went from the log to the main file since it was held, or this was asked last; maybe others; ascending. */
  takeWritten(): readonly number[] {
    const written = [...(this.#written ?? [])].sort((a, b) => a - b)
    this.#written?.clear()
    return written
  }

  /** Pages are read from the file anew; only outside of a transaction. */
  forgetPages(): void {
    this.database.exec('PRAGMA shrink_memory')
  }

  close(): void {
    this.database.close()
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
  }

  #settle({ synchronous, secureDelete, cacheKib }: SqliteSchema): void {
    const { database } = this
    database.exec(`PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA recursive_triggers = ON;
      PRAGMA temp_store = MEMORY; PRAGMA cache_size = -${cacheKib}; PRAGMA secure_delete = ${secureDelete ? 'ON' : 'OFF'};`)
    const asked: readonly (readonly [string, string, string | number])[] = [
      // Pages that map the others would look like rows from below, to `sqlite-unused-space.ts`.
      ['auto_vacuum', 'NONE', 0],
      ['journal_mode', 'WAL', 'wal'],
      ['synchronous', synchronous, synchronous === 'FULL' ? 2 : 1],
      ['fullfsync', 'ON', 1],
      ['checkpoint_fullfsync', 'ON', 1],
      ['wal_autocheckpoint', String(autoCheckpointPages), autoCheckpointPages],
      ['trusted_schema', 'OFF', 0],
      ['secure_delete', secureDelete ? 'ON' : 'OFF', secureDelete ? 1 : 0],
    ]
    for (const [name, value, expected] of asked) {
      database.exec(`PRAGMA ${name} = ${value}`)
      const taken = Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]
      if (taken !== expected) throw new Error(`PRAGMA ${name} did not take`)
    }
  }

  #migrate(migrations: readonly string[]): void {
    const { database } = this
    const versionNow = () => Number(database.prepare('PRAGMA user_version').get()?.user_version)
    if (versionNow() > migrations.length) throw new Error('the file was written by a newer version of the vault')
    if (versionNow() === migrations.length) return
    database.exec('BEGIN IMMEDIATE')
    for (const script of migrations.slice(versionNow())) database.exec(script)
    database.exec(`PRAGMA user_version = ${migrations.length}; COMMIT`)
  }
}

/**
 * The file is there and its owner's alone before anything is written; SQLite gives its companions the same mode. An existing
 * file is never opened here: closing any descriptor of it would drop the locks SQLite holds in this process.
 */
function makePrivate(path: string): void {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) {
    closeSync(openSync(path, 'ax', 0o600))
    const folder = openSync(dirname(path), 'r')
    fsyncSync(folder)
    closeSync(folder)
  }
  chmodSync(path, 0o600)
}

function identityOf(path: string): Identity & { readonly size: bigint } {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
  if (stat === undefined) throw new PathLost('path lost')
  return stat
}

function isSame(a: Identity, b: Identity): boolean {
  return a.dev === b.dev && a.ino === b.ino
}
