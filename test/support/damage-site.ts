import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { StoredDocument } from '../../src/domain/document.ts'
import type { Review } from '../../src/domain/review.ts'

type Body = Readonly<Record<string, unknown>>
const columnOf = { document: 'id', subject: 'id', review: 'id', desk: 'person', answer: 'key' } as const
export type Table = keyof typeof columnOf

/** The files of a vault that is closed, written to as no verb would. */
export class DamageSite implements Disposable {
  readonly dataDir: string
  readonly ledger: DatabaseSync
  readonly keys: DatabaseSync

  constructor(dataDir: string) {
    this.dataDir = dataDir
    this.ledger = new DatabaseSync(join(dataDir, 'ledger.sqlite'))
    this.keys = new DatabaseSync(join(dataDir, 'wrapped-keys.sqlite'))
  }

  blobPath({ blobKey }: Pick<StoredDocument, 'blobKey'>): string {
    return join(this.dataDir, 'blobs', blobKey)
  }

  documents(): readonly StoredDocument[] {
    return this.#bodies('document') as unknown as readonly StoredDocument[]
  }

  reviewOf(document: string): Review {
    const row = this.ledger.prepare('SELECT body FROM review WHERE document = ?').get(document)
    return JSON.parse(String(row?.body)) as Review
  }

  answerOf(document: string): string {
    const row = this.ledger.prepare("SELECT key FROM answer WHERE body ->> 'document' = ? LIMIT 1").get(document)
    return String(row?.key)
  }

  /** Changes members of a row's body and leaves the columns beside it as they are. */
  alter(table: Table, id: string, change: Body): void {
    const where = `WHERE ${columnOf[table]} = ?`
    const row = this.ledger.prepare(`SELECT body FROM ${table} ${where}`).get(id)
    const body = JSON.stringify({ ...(JSON.parse(String(row?.body)) as Body), ...change })
    this.#requireOne(this.ledger.prepare(`UPDATE ${table} SET body = ? ${where}`).run(body, id).changes)
  }

  body(table: Table, id: string): Body {
    const row = this.ledger.prepare(`SELECT body FROM ${table} WHERE ${columnOf[table]} = ?`).get(id)
    return JSON.parse(String(row?.body)) as Body
  }

  remove(table: Table, id: string): void {
    this.#requireOne(this.ledger.prepare(`DELETE FROM ${table} WHERE ${columnOf[table]} = ?`).run(id).changes)
  }

  key(document: Pick<StoredDocument, 'messageId'>, sql: string, ...params: readonly (string | Uint8Array)[]): void {
    this.#requireOne(this.keys.prepare(`${sql} WHERE id = ?`).run(...params, `doc/${document.messageId}`).changes)
  }

  edks(document: Pick<StoredDocument, 'messageId'>): Uint8Array {
    const row = this.keys.prepare('SELECT edks FROM wrapped_key WHERE id = ?').get(`doc/${document.messageId}`)
    return row?.edks as Uint8Array
  }

  [Symbol.dispose](): void {
    this.ledger.close()
    this.keys.close()
  }

  #bodies(table: Table): readonly Body[] {
    return this.ledger
      .prepare(`SELECT body FROM ${table} ORDER BY ${columnOf[table]}`)
      .all()
      .map(row => JSON.parse(String(row.body)) as Body)
  }

  #requireOne(changes: number | bigint): void {
    if (Number(changes) !== 1) throw new Error('the damage found nothing to hit')
  }
}
