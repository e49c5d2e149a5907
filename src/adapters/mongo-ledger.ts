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
import * as many from './mongo-ledger-many.ts'
import { after, among, bodiesOf, countRows, type Listing, theBody } from './mongo-ledger-reading.ts'
import { type LedgerCollection, rowId } from './mongo-ledger-rows.ts'
import { tenantsIn } from './mongo-ledger-tenants.ts'

const visible = trusted({ $in: ['stored', 'purging', 'purged'] })
const open = trusted({ $nin: ['done', 'stale'] })
/** The port's own bound on what is named in one question. */
const mostNamed = 1_000
/** A tenant has a handful of epochs and of open runs; more would be a defect, and is cut off rather than held in memory. */
const mostOfAll = 1_000

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

  listExpiredDenials(...asked: Parameters<Ledger['listExpiredDenials']>): Promise<readonly DeniedToken[]> {
    return many.expired(this.#mongo, 'denied_tokens', ...asked)
  }

  findEpoch(tenant: TenantId, epoch: string): Promise<Epoch | undefined> {
    return this.#one('epochs', { _id: rowId(tenant, epoch), tenant })
  }

  listEpochs(tenant: TenantId): Promise<readonly Epoch[]> {
    return this.#all('epochs', { _id: after(tenant, { limit: mostOfAll }) }, { limit: mostOfAll })
  }

  liveDocuments(tenant: TenantId, subject: SubjectId, page: Page<DocumentId>): Promise<readonly Document[]> {
    return this.#all('documents', { tenant, subject, state: many.live, _id: after(tenant, page) }, page)
  }

  liveDocumentsOf(...asked: Parameters<Ledger['liveDocumentsOf']>): Promise<readonly Document[]> {
    return many.liveDocumentsOf(this.#mongo, ...asked)
  }

  dueSubjects(...asked: Parameters<Ledger['dueSubjects']>): Promise<readonly Subject[]> {
    return many.dueSubjects(this.#mongo, ...asked)
  }

  countDue(...asked: Parameters<Ledger['countDue']>): Promise<{ readonly count: number; readonly oldestMs?: number }> {
    return many.countDue(this.#mongo, ...asked)
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

  countUnanswered(tenant: TenantId, beforeMs: number): Promise<number> {
    return this.#count('subjects', { tenant, answerMs: trusted({ $lt: beforeMs }) })
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

  answersOf(...asked: Parameters<Ledger['answersOf']>): Promise<readonly Answer[]> {
    return many.answersOf(this.#mongo, ...asked)
  }

  findRun(tenant: TenantId, id: PurgeRunId): Promise<PurgeRun | undefined> {
    return this.#one('purge_runs', { _id: rowId(tenant, id), tenant })
  }

  listRuns(...asked: Parameters<Ledger['listRuns']>): Promise<readonly PurgeRun[]> {
    return many.listRuns(this.#mongo, ...asked)
  }

  openRuns(tenant: TenantId): Promise<readonly PurgeRun[]> {
    return this.#all('purge_runs', { tenant, state: open }, { limit: mostOfAll })
  }

  listPages(...asked: Parameters<Ledger['listPages']>): Promise<readonly PurgePage[]> {
    return many.listPages(this.#mongo, ...asked)
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

  serverNowMs(): Promise<number> {
    return this.#mongo.serverNowMs()
  }

  listOverdue(...asked: Parameters<Ledger['listOverdue']>): Promise<readonly Document[]> {
    return many.listOverdue(this.#mongo, ...asked)
  }

  listExpiredAnswers(...asked: Parameters<Ledger['listExpiredAnswers']>): Promise<readonly Answer[]> {
    return many.expired(this.#mongo, 'answers', ...asked)
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

  namedBlobs(...asked: Parameters<Ledger['namedBlobs']>): Promise<ReadonlySet<string>> {
    return many.namedBlobs(this.#mongo, ...asked)
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
    return theBody(this.#mongo, name, filter)
  }

  #all<Row>(name: LedgerCollection, filter: object, listing: Listing): Promise<readonly Row[]> {
    return bodiesOf(this.#mongo, name, filter, listing)
  }

  #count(name: LedgerCollection, filter: object): Promise<number> {
    return countRows(this.#mongo, name, filter)
  }
}
