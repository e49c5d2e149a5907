import { trusted } from 'mongoose'
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
import type { MongoConnection } from './mongo-connection.ts'
import { dropLease, takeLease } from './mongo-leases.ts'
import { commitChanges } from './mongo-ledger-commit.ts'
import { after, among, beyond, bodiesOf, countRows, firstBody, type Listing } from './mongo-ledger-reading.ts'
import { type LedgerCollection, pageId, rowId } from './mongo-ledger-rows.ts'
import { pastIdsOf, tenantsIn } from './mongo-ledger-tenants.ts'
import { type LedgerRow, modelOf } from './mongo-schema.ts'

const visible = trusted({ $in: ['stored', 'purging', 'purged'] })
const live = trusted({ $in: ['depositing', 'stored', 'purging'] })
const open = trusted({ $nin: ['done', 'stale'] })
/** The port's own bound on what is named in one question. */
const mostNamed = 1_000
/** A tenant has a handful; more would be a defect, and is cut off rather than held in memory. */
const mostOpenRuns = 1_000
/** Of one document or subject. */
const mostAnswers = 10_000
/** One a year for centuries. */
const mostEpochs = 1_000

/** The ledger in MongoDB: bodies as the domain types them, conditions and order by fields beside them. */
export class MongoLedger implements Ledger {
  readonly #mongo: MongoConnection

  constructor(mongo: MongoConnection) {
    this.#mongo = mongo
  }

  findDocument(tenant: TenantId, id: DocumentId): Promise<Document | undefined> {
    return this.#one('documents', { _id: rowId(tenant, id), tenant })
  }

  listDocuments(tenant: TenantId, subject: SubjectId, page: Page<DocumentId>): Promise<readonly Document[]> {
    return this.#all('documents', { tenant, subject, state: visible, _id: after(tenant, page) }, page)
  }

  findUpload(tenant: TenantId, subject: SubjectId, uploadMac: string): Promise<Document | undefined> {
    return this.#one('documents', { tenant, subject, liveUpload: uploadMac })
  }

  findSubject(tenant: TenantId, reference: SubjectReference): Promise<Subject | undefined> {
    return this.#one('subjects', { tenant, reference })
  }

  findSubjectById(tenant: TenantId, id: SubjectId): Promise<Subject | undefined> {
    return this.#one('subjects', { _id: rowId(tenant, id), tenant })
  }

  findSubjects(tenant: TenantId, ids: readonly SubjectId[]): Promise<readonly Subject[]> {
    return this.#all('subjects', { _id: among(ids.map(id => rowId(tenant, id))), tenant }, { limit: mostNamed })
  }

  findReview(tenant: TenantId, id: ReviewId): Promise<Review | undefined> {
    return this.#one('reviews', { _id: rowId(tenant, id), tenant })
  }

  findReviewOf(tenant: TenantId, document: DocumentId): Promise<Review | undefined> {
    return this.#one('reviews', { tenant, document })
  }

  reviewsOf(tenant: TenantId, documents: readonly DocumentId[]): Promise<readonly Review[]> {
    return this.#all('reviews', { tenant, document: among(documents) }, { limit: mostNamed })
  }

  listReviews(tenant: TenantId, state: Review['state'], page: Page<ReviewId>): Promise<readonly Review[]> {
    return this.#all('reviews', { tenant, state, _id: after(tenant, page) }, page)
  }

  findDesk(tenant: TenantId, person: PersonId): Promise<Desk | undefined> {
    return this.#one('desks', { _id: rowId(tenant, person), tenant })
  }

  findAnswer(key: string): Promise<Answer | undefined> {
    return this.#one('answers', { _id: key })
  }

  findApiKey(keyId: string): Promise<ApiKey | undefined> {
    return this.#one('api_keys', { _id: keyId })
  }

  listApiKeys(tenant: TenantId, page: Page<string>): Promise<readonly ApiKey[]> {
    return this.#all('api_keys', { tenant, _id: trusted({ $gt: page.after ?? '' }) }, page)
  }

  findDenials(tenant: TenantId, token: Omit<TokenName, 'issuedAtMs'>): Promise<readonly DeniedToken[]> {
    const ids = denialIdsFor(token).map(id => rowId(tenant, id))
    return this.#all('denied_tokens', { _id: trusted({ $in: ids }), tenant }, { limit: ids.length })
  }

  listExpiredDenials(tenant: TenantId, asOfMs: number, limit: number): Promise<readonly DeniedToken[]> {
    const filter = { tenant, expiresMs: trusted({ $lt: asOfMs }) }
    return this.#all('denied_tokens', filter, { limit, sort: { expiresMs: 1, _id: 1 } })
  }

  findEpoch(tenant: TenantId, epoch: string): Promise<Epoch | undefined> {
    return this.#one('epochs', { _id: rowId(tenant, epoch), tenant })
  }

  listEpochs(tenant: TenantId): Promise<readonly Epoch[]> {
    return this.#all('epochs', { _id: after(tenant, { limit: mostEpochs }) }, { limit: mostEpochs })
  }

  liveDocuments(tenant: TenantId, subject: SubjectId, page: Page<DocumentId>): Promise<readonly Document[]> {
    return this.#all('documents', { tenant, subject, state: live, _id: after(tenant, page) }, page)
  }

  liveDocumentsOf(
    tenant: TenantId,
    subjects: readonly SubjectId[],
    { after: last, limit }: Parameters<Ledger['liveDocumentsOf']>[2],
  ): Promise<readonly Document[]> {
    const order = { limit, sort: { subject: 1, _id: 1 } } as const
    const all = { tenant, subject: among(subjects), state: live }
    if (last === undefined) return this.#all('documents', all, order)
    return this.#all('documents', { ...all, $or: beyond('subject', last.subject, rowId(tenant, last.id)) }, order)
  }

  dueSubjects(
    tenant: TenantId,
    asOfMs: number,
    { after: last, limit }: Parameters<Ledger['dueSubjects']>[2],
  ): Promise<readonly Subject[]> {
    const order = { limit, sort: { lookMs: 1, _id: 1 } } as const
    const due = { tenant, lookMs: trusted({ $lte: asOfMs }) }
    if (last === undefined) return this.#all('subjects', due, order)
    const { lookAtMs, id } = last
    const isBeyond = beyond('lookMs', lookAtMs, rowId(tenant, id))
    const rest = { tenant, lookMs: trusted({ $gte: lookAtMs, $lte: asOfMs }), $or: isBeyond }
    return this.#all('subjects', rest, order)
  }

  async countDue(tenant: TenantId, asOfMs: number): Promise<{ readonly count: number; readonly oldestMs?: number }> {
    const filter = { tenant, lookMs: trusted({ $lte: asOfMs }) }
    const count = await this.#count('subjects', filter)
    if (count === 0) return { count }
    const [oldest] = await this.#all<Subject>('subjects', filter, { limit: 1, sort: { lookMs: 1, _id: 1 } })
    return oldest?.lookAtMs === undefined ? { count: 0 } : { count, oldestMs: oldest.lookAtMs }
  }

  heldSubjects(tenant: TenantId, page: Page<SubjectId>): Promise<readonly Subject[]> {
    return this.#all('subjects', { tenant, held: true, _id: after(tenant, page) }, page)
  }

  countHeld(tenant: TenantId): Promise<number> {
    return this.#count('subjects', { tenant, held: true })
  }

  unansweredSubjects(tenant: TenantId, page: Page<SubjectId>): Promise<readonly Subject[]> {
    return this.#all('subjects', { tenant, unanswered: true, _id: after(tenant, page) }, page)
  }

  purgingDocuments(tenant: TenantId, page: Page<DocumentId>): Promise<readonly Document[]> {
    return this.#all('documents', { tenant, state: 'purging', _id: after(tenant, page) }, page)
  }

  countPurged(tenant: TenantId, sinceMs: number): Promise<number> {
    return this.#count('documents', { tenant, purgedMs: trusted({ $gte: sinceMs }) })
  }

  countUnderLaterPolicies(tenant: TenantId, version: number): Promise<number> {
    return this.#count('documents', { tenant, state: 'stored', 'body.policyVersion': trusted({ $gt: version }) })
  }

  answersOf(tenant: TenantId, of: Parameters<Ledger['answersOf']>[1]): Promise<readonly Answer[]> {
    const [name, ids] = 'documents' in of ? (['document', of.documents] as const) : (['subject', of.subjects] as const)
    return this.#all('answers', { tenant, [name]: among(ids) }, { limit: mostAnswers * Math.max(1, ids.length) })
  }

  findRun(tenant: TenantId, id: PurgeRunId): Promise<PurgeRun | undefined> {
    return this.#one('purge_runs', { _id: rowId(tenant, id), tenant })
  }

  listRuns(tenant: TenantId, { after: last, limit }: Page<PurgeRunId>): Promise<readonly PurgeRun[]> {
    const before = last === undefined ? pastIdsOf(tenant) : rowId(tenant, last)
    const filter = { _id: trusted({ $gt: rowId(tenant, ''), $lt: before }) }
    return this.#all('purge_runs', filter, { limit, sort: { _id: -1 } })
  }

  openRuns(tenant: TenantId): Promise<readonly PurgeRun[]> {
    return this.#all('purge_runs', { tenant, state: open }, { limit: mostOpenRuns })
  }

  listPages(tenant: TenantId, run: PurgeRunId, page: Page<number>): Promise<readonly PurgePage[]> {
    const from = page.after === undefined ? rowId(tenant, `${run}/`) : pageId(tenant, run, page.after)
    return this.#all('purge_pages', { _id: trusted({ $gt: from, $lt: pastIdsOf(rowId(tenant, run)) }) }, page)
  }

  findApproval(tenant: TenantId, id: ApprovalId): Promise<Approval | undefined> {
    return this.#one('approvals', { _id: rowId(tenant, id), tenant })
  }

  listApprovals(tenant: TenantId, state: ApprovalState, page: Page<ApprovalId>): Promise<readonly Approval[]> {
    return this.#all('approvals', { tenant, state, _id: after(tenant, page) }, page)
  }

  findRetentionState(tenant: TenantId): Promise<RetentionState | undefined> {
    return this.#one('retention_states', { _id: rowId(tenant, ''), tenant })
  }

  async serverNowMs(): Promise<number> {
    const admin = this.#mongo.connection.getClient().db('admin')
    const { localTime } = await this.#mongo.ask(() => admin.command({ hello: 1 }))
    return (localTime as Date).getTime()
  }

  listOverdue(tenant: TenantId, asOfMs: number, limit: number): Promise<readonly Document[]> {
    const isDue = trusted([{ state: 'abandoned' }, { dueMs: trusted({ $lt: asOfMs }) }])
    const filter = { tenant, dueMs: trusted({ $exists: true }), $or: isDue }
    return this.#all('documents', filter, { limit, sort: { dueMs: 1, _id: 1 } })
  }

  listExpiredAnswers(tenant: TenantId, asOfMs: number, limit: number): Promise<readonly Answer[]> {
    const filter = { tenant, expiresMs: trusted({ $lt: asOfMs }) }
    return this.#all('answers', filter, { limit, sort: { expiresMs: 1, _id: 1 } })
  }

  everyDocument(tenant: TenantId, page: Page<DocumentId>): Promise<readonly Document[]> {
    return this.#all('documents', { _id: after(tenant, page) }, page)
  }

  everySubject(tenant: TenantId, page: Page<SubjectId>): Promise<readonly Subject[]> {
    return this.#all('subjects', { _id: after(tenant, page) }, page)
  }

  everyReview(tenant: TenantId, page: Page<ReviewId>): Promise<readonly Review[]> {
    return this.#all('reviews', { _id: after(tenant, page) }, page)
  }

  everyAnswer(tenant: TenantId, page: Page<string>): Promise<readonly Answer[]> {
    return this.#all('answers', { tenant, _id: trusted({ $gt: page.after ?? '' }) }, page)
  }

  async namedBlobs(blobKeys: readonly string[]): Promise<ReadonlySet<string>> {
    const filter = { blobKey: trusted({ $in: blobKeys }) }
    const rows = await this.#mongo.ask(session =>
      modelOf<LedgerRow>(this.#mongo.connection, 'documents').find(
        filter,
        { blobKey: 1, _id: 0 },
        { lean: true, session },
      ),
    )
    return new Set(rows.flatMap(({ blobKey }) => blobKey ?? []))
  }

  tenants(): Promise<readonly TenantId[]> {
    return tenantsIn(this.#mongo)
  }

  commit(_by: Grant | Settlement, changes: readonly Change[]): Promise<Committed> {
    return commitChanges(this.#mongo, changes)
  }

  takeLease(...lease: Parameters<Ledger['takeLease']>): Promise<number | undefined> {
    return takeLease(this.#mongo, ...lease)
  }

  dropLease(...lease: Parameters<Ledger['dropLease']>): Promise<void> {
    return dropLease(this.#mongo, ...lease)
  }

  #one<Row>(name: LedgerCollection, filter: object): Promise<Row | undefined> {
    return firstBody(this.#mongo, name, filter)
  }

  #all<Row>(name: LedgerCollection, filter: object, listing: Listing): Promise<readonly Row[]> {
    return bodiesOf(this.#mongo, name, filter, listing)
  }

  #count(name: LedgerCollection, filter: object): Promise<number> {
    return countRows(this.#mongo, name, filter)
  }
}
