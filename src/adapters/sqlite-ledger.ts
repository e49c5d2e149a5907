import type { Answer } from '../domain/answer.ts'
import type { Approval, ApprovalState } from '../domain/approval.ts'
import type { ApiKey } from '../domain/caller.ts'
import { type DeniedToken, denialIdsFor, type TokenName } from '../domain/denied-token.ts'
import type { Document } from '../domain/document.ts'
import type { Epoch } from '../domain/epoch.ts'
import type { Grant, Settlement } from '../domain/grant.ts'
import type {
  ApprovalId,
  DocumentId,
  PersonId,
  PurgeRunId,
  ReviewId,
  SubjectId,
  SubjectReference,
  TenantId,
} from '../domain/ids.ts'
import type { PurgePage, PurgeRun, RetentionState } from '../domain/purge-run.ts'
import type { Desk, Review } from '../domain/review.ts'
import type { Subject } from '../domain/subject.ts'
import type { Change, Committed, Ledger, Page } from '../ports/ledger.ts'
import { SqliteForgetting } from './sqlite-forgetting.ts'
import { sql, tenants } from './sqlite-ledger-finders.ts'
import { stepsFor, versionQuestion } from './sqlite-ledger-steps.ts'
import type { SqliteThread, SqlValue } from './sqlite-thread.ts'

/** The ledger in `ledger.sqlite`: bodies as JSON, conditions and order by typed columns. */
export class SqliteLedger implements Ledger {
  readonly #thread: SqliteThread
  readonly #forgetting: SqliteForgetting

  constructor(thread: SqliteThread) {
    this.#thread = thread
    this.#forgetting = new SqliteForgetting(thread)
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

  findSubjects(tenant: TenantId, ids: readonly SubjectId[]): Promise<readonly Subject[]> {
    return this.#all(sql.subjects, tenant, JSON.stringify(ids))
  }

  findReview(tenant: TenantId, id: ReviewId): Promise<Review | undefined> {
    return this.#one(sql.review, tenant, id)
  }

  findReviewOf(tenant: TenantId, document: DocumentId): Promise<Review | undefined> {
    return this.#one(sql.reviewOf, tenant, document)
  }

  reviewsOf(tenant: TenantId, documents: readonly DocumentId[]): Promise<readonly Review[]> {
    return this.#all(sql.reviewsOf, tenant, JSON.stringify(documents))
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

  liveDocuments(tenant: TenantId, subject: SubjectId, page: Page<DocumentId>): Promise<readonly Document[]> {
    return this.#all(sql.liveDocuments, tenant, subject, page.after ?? '', page.limit)
  }

  liveDocumentsOf(
    tenant: TenantId,
    subjects: readonly SubjectId[],
    { after, limit }: Parameters<Ledger['liveDocumentsOf']>[2],
  ): Promise<readonly Document[]> {
    const from = [after?.subject ?? '', after?.id ?? '']
    return this.#all(sql.liveDocumentsOf, tenant, JSON.stringify(subjects), ...from, limit)
  }

  dueSubjects(
    tenant: TenantId,
    asOfMs: number,
    { after, limit }: Parameters<Ledger['dueSubjects']>[2],
  ): Promise<readonly Subject[]> {
    const from = [after?.lookAtMs ?? Number.MIN_SAFE_INTEGER, after?.id ?? '']
    return this.#all(sql.dueSubjects, tenant, asOfMs, ...from, limit)
  }

  async countDue(tenant: TenantId, asOfMs: number): Promise<{ readonly count: number; readonly oldestMs?: number }> {
    const [row] = await this.#thread.read('ledger', sql.countDue, [tenant, asOfMs])
    const oldest = row?.oldest
    return { count: Number(row?.n), ...(typeof oldest === 'number' ? { oldestMs: oldest } : {}) }
  }

  heldSubjects(tenant: TenantId, page: Page<SubjectId>): Promise<readonly Subject[]> {
    return this.#all(sql.heldSubjects, tenant, page.after ?? '', page.limit)
  }

  countHeld(tenant: TenantId): Promise<number> {
    return this.#count(sql.countHeld, tenant)
  }

  unansweredSubjects(tenant: TenantId, page: Page<SubjectId>): Promise<readonly Subject[]> {
    return this.#all(sql.unansweredSubjects, tenant, page.after ?? '', page.limit)
  }

  countUnanswered(tenant: TenantId, beforeMs: number): Promise<number> {
    return this.#count(sql.countUnanswered, tenant, beforeMs)
  }

  purgingDocuments(tenant: TenantId, page: Page<DocumentId>): Promise<readonly Document[]> {
    return this.#all(sql.purging, tenant, page.after ?? '', page.limit)
  }

  countPurged(tenant: TenantId, sinceMs: number): Promise<number> {
    return this.#count(sql.purgedSince, tenant, sinceMs)
  }

  countUnderLaterPolicies(tenant: TenantId, version: number): Promise<number> {
    return this.#count(sql.underLaterPolicies, tenant, version)
  }

  answersOf(tenant: TenantId, of: Parameters<Ledger['answersOf']>[1]): Promise<readonly Answer[]> {
    if ('documents' in of) return this.#all(sql.answersOfDocuments, tenant, JSON.stringify(of.documents))
    return this.#all(sql.answersOfSubjects, tenant, JSON.stringify(of.subjects))
  }

  findRun(tenant: TenantId, id: PurgeRunId): Promise<PurgeRun | undefined> {
    return this.#one(sql.run, tenant, id)
  }

  listRuns(tenant: TenantId, { after, limit }: Page<PurgeRunId>): Promise<readonly PurgeRun[]> {
    if (after === undefined) return this.#all(sql.newestRuns, tenant, limit)
    return this.#all(sql.runsBefore, tenant, after, limit)
  }

  openRuns(tenant: TenantId): Promise<readonly PurgeRun[]> {
    return this.#all(sql.openRuns, tenant)
  }

  listPages(tenant: TenantId, run: PurgeRunId, page: Page<number>): Promise<readonly PurgePage[]> {
    return this.#all(sql.pages, tenant, run, page.after ?? -1, page.limit)
  }

  findApproval(tenant: TenantId, id: ApprovalId): Promise<Approval | undefined> {
    return this.#one(sql.approval, tenant, id)
  }

  listApprovals(tenant: TenantId, state: ApprovalState, page: Page<ApprovalId>): Promise<readonly Approval[]> {
    return this.#all(sql.approvals, tenant, state, page.after ?? '', page.limit)
  }

  findRetentionState(tenant: TenantId): Promise<RetentionState | undefined> {
    return this.#one(sql.retention, tenant)
  }

  /** Nobody else's clock stands behind a file. */
  async serverNowMs(): Promise<undefined> {
    return undefined
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
    this.#forgetting.note(changes)
    const written = await this.#thread.write('ledger', steps)
    if (written.done) return { done: true }
    const { step, rule } = written
    if (rule === 'changes') await this.#requireLegalMove(changes[step])
    return { done: false, change: step, conflict: rule === 'unique' ? 'unique' : 'version' }
  }

  async takeLease(...[name, holder, nowMs, forMs, everyMs]: Parameters<Ledger['takeLease']>) {
    const restsLongest = everyMs === undefined ? 0 : nowMs + 1.5 * everyMs
    const step = { sql: sql.takeLease, params: [name, holder, nowMs + forMs, nowMs, restsLongest], changes: 1 }
    const written = await this.#thread.write('ledger', [step])
    return written.done ? (written.rows[0]?.fence as number) : undefined
  }

  /** Where a job ends, what it erased goes from the file and its log too; if that cannot be now, with the end of the next. */
  async dropLease(name: string, holder: string, restUntilMs = 0): Promise<void> {
    await this.#thread.write('ledger', [{ sql: sql.dropLease, params: [name, holder, restUntilMs] }])
    await this.#forgetting.finish()
  }

  /** Versions only grow: a row that still has the expected one was refused for its state, which no retry will mend. */
  async #requireLegalMove(change: Change | undefined): Promise<void> {
    const question = change && versionQuestion(change)
    if (!question) return
    const [row] = await this.#thread.read('ledger', question.sql, question.params)
    if (row?.version === change.expected) throw new RangeError(`no ${change.row} makes that move`)
  }

  async #count(text: string, ...params: readonly SqlValue[]): Promise<number> {
    const [row] = await this.#thread.read('ledger', text, params)
    return Number(row?.n)
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
