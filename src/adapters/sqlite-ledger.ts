import type { Answer } from '../domain/answer.ts'
import type { ApiKey } from '../domain/caller.ts'
import { type DeniedToken, denialIdsFor, type TokenName } from '../domain/denied-token.ts'
import type { Document } from '../domain/document.ts'
import type { Epoch } from '../domain/epoch.ts'
import type { Grant, Settlement } from '../domain/grant.ts'
import type { DocumentId, PersonId, ReviewId, SubjectId, SubjectReference, TenantId } from '../domain/ids.ts'
import type { Desk, Review } from '../domain/review.ts'
import type { Subject } from '../domain/subject.ts'
import type { Change, Committed, Ledger, Page } from '../ports/ledger.ts'
import { stepsFor } from './sqlite-ledger-steps.ts'
import type { SqliteThread, SqlValue } from './sqlite-thread.ts'

const visible = "state IN ('stored', 'purging', 'purged')"
const overdue = "state IN ('depositing', 'abandoned')"

/** Finders: each binds the tenant first, where there is one. */
const sql = {
  document: 'SELECT body FROM document WHERE tenant = ? AND id = ?',
  documentsOf: `SELECT body FROM document WHERE tenant = ? AND subject = ? AND ${visible} AND id > ? ORDER BY id LIMIT ?`,
  upload: `SELECT body FROM document WHERE tenant = ? AND subject = ? AND upload_mac = ?
    AND state IN ('depositing', 'stored')`,
  overdue: `SELECT body FROM document WHERE tenant = ? AND ${overdue} AND (state = 'abandoned' OR due_ms < ?)
    ORDER BY due_ms, id LIMIT ?`,
  everyDocument: 'SELECT body FROM document WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?',
  subjectByReference: 'SELECT body FROM subject WHERE tenant = ? AND reference = ?',
  subject: 'SELECT body FROM subject WHERE tenant = ? AND id = ?',
  everySubject: 'SELECT body FROM subject WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?',
  review: 'SELECT body FROM review WHERE tenant = ? AND id = ?',
  reviewOf: 'SELECT body FROM review WHERE tenant = ? AND document = ?',
  reviewsIn: 'SELECT body FROM review WHERE tenant = ? AND state = ? AND id > ? ORDER BY id LIMIT ?',
  everyReview: 'SELECT body FROM review WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?',
  desk: 'SELECT body FROM desk WHERE tenant = ? AND person = ?',
  answer: 'SELECT body FROM answer WHERE key = ?',
  expiredAnswers: 'SELECT body FROM answer WHERE tenant = ? AND expires_ms < ? ORDER BY expires_ms, key LIMIT ?',
  everyAnswer: 'SELECT body FROM answer WHERE tenant = ? AND key > ? ORDER BY key LIMIT ?',
  apiKey: 'SELECT body FROM api_key WHERE key_id = ?',
  apiKeys: 'SELECT body FROM api_key WHERE tenant = ? AND key_id > ? ORDER BY key_id LIMIT ?',
  denials: 'SELECT body FROM denied_token WHERE tenant = ? AND id IN (?, ?) ORDER BY id',
  expiredDenials: 'SELECT body FROM denied_token WHERE tenant = ? AND expires_ms < ? ORDER BY expires_ms, id LIMIT ?',
  epoch: 'SELECT body FROM epoch WHERE tenant = ? AND epoch = ?',
  epochs: 'SELECT body FROM epoch WHERE tenant = ? ORDER BY epoch',
  namedBlobs: `SELECT DISTINCT blob_key FROM document
    WHERE blob_key IN (SELECT value FROM json_each(?)) AND blob_key IS NOT NULL`,
  documentVersion: 'SELECT version FROM document WHERE tenant = ? AND id = ?',
  takeLease: `INSERT INTO lease (name, holder, until_ms, fence) VALUES (?1, ?2, ?3, 1)
    ON CONFLICT (name) DO UPDATE SET
      fence = fence + (holder <> excluded.holder), holder = excluded.holder, until_ms = excluded.until_ms
    WHERE until_ms <= ?4 OR holder = excluded.holder
    RETURNING fence`,
  // The row stays, without a holder, so that the fencing number goes on.
  dropLease: "UPDATE lease SET holder = '', until_ms = 0 WHERE name = ? AND holder = ?",
} as const

const tenantTables = ['document', 'subject', 'review', 'desk', 'answer', 'api_key', 'denied_token'] as const
/** Hops from tenant to tenant along each table's index: a plain DISTINCT would walk every row. */
const tenants = `SELECT tenant FROM (${tenantTables.map(hopsIn).join(' UNION ')}) ORDER BY tenant`

/** The ledger in `ledger.sqlite`: bodies as JSON, conditions and order by typed columns. */
export class SqliteLedger implements Ledger {
  readonly #thread: SqliteThread

  constructor(thread: SqliteThread) {
    this.#thread = thread
  }

  findDocument(tenant: TenantId, id: DocumentId): Promise<Document | undefined> {
    return this.#one(sql.document, tenant, id)
  }

  listDocuments(tenant: TenantId, subject: SubjectId, page: Page<DocumentId>): Promise<readonly Document[]> {
    return this.#all(sql.documentsOf, tenant, subject, page.after ?? '', page.limit)
  }

  findUpload(tenant: TenantId, subject: SubjectId, uploadMac: string): Promise<Document | undefined> {
    return this.#one(sql.upload, tenant, subject, uploadMac)
  }

  findSubject(tenant: TenantId, reference: SubjectReference): Promise<Subject | undefined> {
    return this.#one(sql.subjectByReference, tenant, reference)
  }

  findSubjectById(tenant: TenantId, id: SubjectId): Promise<Subject | undefined> {
    return this.#one(sql.subject, tenant, id)
  }

  findReview(tenant: TenantId, id: ReviewId): Promise<Review | undefined> {
    return this.#one(sql.review, tenant, id)
  }

  findReviewOf(tenant: TenantId, document: DocumentId): Promise<Review | undefined> {
    return this.#one(sql.reviewOf, tenant, document)
  }

  listReviews(tenant: TenantId, state: Review['state'], page: Page<ReviewId>): Promise<readonly Review[]> {
    return this.#all(sql.reviewsIn, tenant, state, page.after ?? '', page.limit)
  }

  findDesk(tenant: TenantId, person: PersonId): Promise<Desk | undefined> {
    return this.#one(sql.desk, tenant, person)
  }

  findAnswer(key: string): Promise<Answer | undefined> {
    return this.#one(sql.answer, key)
  }

  findApiKey(keyId: string): Promise<ApiKey | undefined> {
    return this.#one(sql.apiKey, keyId)
  }

  listApiKeys(tenant: TenantId, page: Page<string>): Promise<readonly ApiKey[]> {
    return this.#all(sql.apiKeys, tenant, page.after ?? '', page.limit)
  }

  findDenials(tenant: TenantId, token: Omit<TokenName, 'issuedAtMs'>): Promise<readonly DeniedToken[]> {
    return this.#all(sql.denials, tenant, ...denialIdsFor(token))
  }

  listExpiredDenials(tenant: TenantId, asOfMs: number, limit: number): Promise<readonly DeniedToken[]> {
    return this.#all(sql.expiredDenials, tenant, asOfMs, limit)
  }

  findEpoch(tenant: TenantId, epoch: string): Promise<Epoch | undefined> {
    return this.#one(sql.epoch, tenant, epoch)
  }

  listEpochs(tenant: TenantId): Promise<readonly Epoch[]> {
    return this.#all(sql.epochs, tenant)
  }

  listOverdue(tenant: TenantId, asOfMs: number, limit: number): Promise<readonly Document[]> {
    return this.#all(sql.overdue, tenant, asOfMs, limit)
  }

  listExpiredAnswers(tenant: TenantId, asOfMs: number, limit: number): Promise<readonly Answer[]> {
    return this.#all(sql.expiredAnswers, tenant, asOfMs, limit)
  }

  everyDocument(tenant: TenantId, page: Page<DocumentId>): Promise<readonly Document[]> {
    return this.#all(sql.everyDocument, tenant, page.after ?? '', page.limit)
  }

  everySubject(tenant: TenantId, page: Page<SubjectId>): Promise<readonly Subject[]> {
    return this.#all(sql.everySubject, tenant, page.after ?? '', page.limit)
  }

  everyReview(tenant: TenantId, page: Page<ReviewId>): Promise<readonly Review[]> {
    return this.#all(sql.everyReview, tenant, page.after ?? '', page.limit)
  }

  everyAnswer(tenant: TenantId, page: Page<string>): Promise<readonly Answer[]> {
    return this.#all(sql.everyAnswer, tenant, page.after ?? '', page.limit)
  }

  async namedBlobs(blobKeys: readonly string[]): Promise<ReadonlySet<string>> {
    const rows = await this.#thread.read('ledger', sql.namedBlobs, [JSON.stringify(blobKeys)])
    return new Set(rows.map(row => row.blob_key as string))
  }

  async tenants(): Promise<readonly TenantId[]> {
    return (await this.#thread.read('ledger', tenants, [])).map(row => row.tenant as TenantId)
  }

  async commit(_by: Grant | Settlement, changes: readonly Change[]): Promise<Committed> {
    const steps = stepsFor(changes)
    if (steps.length === 0) return { done: true }
    const written = await this.#thread.write('ledger', steps)
    if (written.done) return { done: true }
    const { step, rule } = written
    if (rule === 'changes') await this.#requireLegalMove(changes[step])
    return { done: false, change: step, conflict: rule === 'unique' ? 'unique' : 'version' }
  }

  async takeLease(name: string, holder: string, nowMs: number, forMs: number): Promise<number | undefined> {
    const step = { sql: sql.takeLease, params: [name, holder, nowMs + forMs, nowMs], changes: 1 }
    const written = await this.#thread.write('ledger', [step])
    return written.done ? (written.rows[0]?.fence as number) : undefined
  }

  async dropLease(name: string, holder: string): Promise<void> {
    await this.#thread.write('ledger', [{ sql: sql.dropLease, params: [name, holder] }])
  }

  /** Versions only grow: a row that still has the expected one was refused for its state, which no retry will mend. */
  async #requireLegalMove(change: Change | undefined): Promise<void> {
    if (change?.row !== 'document' || !('put' in change)) return
    const { tenant, id } = change.put
    const [row] = await this.#thread.read('ledger', sql.documentVersion, [tenant, id])
    if (row?.version === change.expected) throw new RangeError('no document makes that move')
  }

  async #one<Row>(text: string, ...params: readonly SqlValue[]): Promise<Row | undefined> {
    return (await this.#all<Row>(text, ...params))[0]
  }

  /** What `commit` wrote, as it was: nothing else writes bodies. */
  async #all<Row>(text: string, ...params: readonly SqlValue[]): Promise<readonly Row[]> {
    const rows = await this.#thread.read('ledger', text, params)
    return rows.map(row => JSON.parse(row.body as string) as Row)
  }
}

function hopsIn(table: string): string {
  return `SELECT tenant FROM (WITH RECURSIVE hop (tenant) AS (
    SELECT min(tenant) FROM ${table}
    UNION ALL SELECT (SELECT min(t.tenant) FROM ${table} t WHERE t.tenant > hop.tenant) FROM hop
      WHERE hop.tenant IS NOT NULL
  ) SELECT tenant FROM hop WHERE tenant IS NOT NULL)`
}
