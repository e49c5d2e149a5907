import type { Answer } from '../domain/answer.ts'
import type { Approval, ApprovalState } from '../domain/approval.ts'
import type { ApiKey } from '../domain/caller.ts'
import type { DeniedToken, TokenName } from '../domain/denied-token.ts'
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

/**
 * One row to write, with the version the writer saw: 0 inserts and conflicts with a row that is there, n replaces exactly
 * version n. `put.version` must be `expected + 1`. `forget` deletes exactly that version.
 */
export type Change =
  | { readonly row: 'document'; readonly expected: number; readonly put: Document }
  | { readonly row: 'subject'; readonly expected: number; readonly put: Subject }
  | { readonly row: 'review'; readonly expected: number; readonly put: Review }
  | { readonly row: 'desk'; readonly expected: number; readonly put: Desk }
  | { readonly row: 'answer'; readonly expected: number; readonly put: Answer }
  | { readonly row: 'key'; readonly expected: number; readonly put: ApiKey }
  | { readonly row: 'denied-token'; readonly expected: number; readonly put: DeniedToken }
  | { readonly row: 'run'; readonly expected: number; readonly put: PurgeRun }
  | { readonly row: 'page'; readonly expected: number; readonly put: PurgePage }
  | { readonly row: 'approval'; readonly expected: number; readonly put: Approval }
  | { readonly row: 'retention'; readonly expected: number; readonly put: RetentionState }
  | { readonly row: 'epoch'; readonly expected: number; readonly put: Epoch }
  | {
      readonly row: 'subject'
      readonly expected: number
      readonly forget: { readonly tenant: TenantId; readonly id: SubjectId }
    }
  | {
      readonly row: 'review'
      readonly expected: number
      readonly forget: { readonly tenant: TenantId; readonly id: ReviewId }
    }
  | {
      readonly row: 'document'
      readonly expected: number
      readonly forget: { readonly tenant: TenantId; readonly id: DocumentId }
    }
  | { readonly row: 'answer'; readonly expected: number; readonly forget: { readonly key: string } }
  | {
      readonly row: 'denied-token'
      readonly expected: number
      readonly forget: { readonly tenant: TenantId; readonly id: string }
    }

/** Which change lost, and to what: a version that moved on, or a unique rule. */
export type Committed =
  | { readonly done: true }
  | { readonly done: false; readonly change: number; readonly conflict: 'version' | 'unique' }

/** Ascending by id, strictly after `after`. */
export interface Page<Id> {
  readonly after?: Id
  readonly limit: number
}

/**
 * Documents, subjects, reviews, answers, API keys and leases. Every finder is bound to one tenant inside the query, but for
 * those that say otherwise. Reads see every commit that resolved before they were called.
 *
 * @throws {VaultError} ledger.unavailable - the store did not answer within 2 s
 * @throws {VaultError} storage.full - no room for a write
 */
export interface Ledger {
  findDocument(tenant: TenantId, id: DocumentId): Promise<Document | undefined>
  /** Documents of one subject in the states `stored`, `purging` and `purged`; ascending by id. */
  listDocuments(tenant: TenantId, subject: SubjectId, page: Page<DocumentId>): Promise<readonly Document[]>
  /** A document of the subject that is depositing or stored under this keyed hash of its upload. */
  findUpload(tenant: TenantId, subject: SubjectId, uploadMac: string): Promise<Document | undefined>
  findSubject(tenant: TenantId, reference: SubjectReference): Promise<Subject | undefined>
  findSubjectById(tenant: TenantId, id: SubjectId): Promise<Subject | undefined>
  /** Those of at most 1,000 subjects that are there, in no order. */
  findSubjects(tenant: TenantId, ids: readonly SubjectId[]): Promise<readonly Subject[]>
  findReview(tenant: TenantId, id: ReviewId): Promise<Review | undefined>
  findReviewOf(tenant: TenantId, document: DocumentId): Promise<Review | undefined>
  /** The reviews of at most 1,000 documents, in no order. */
  reviewsOf(tenant: TenantId, documents: readonly DocumentId[]): Promise<readonly Review[]>
  listReviews(tenant: TenantId, state: Review['state'], page: Page<ReviewId>): Promise<readonly Review[]>
  findDesk(tenant: TenantId, person: PersonId): Promise<Desk | undefined>
  findAnswer(key: string): Promise<Answer | undefined>
  /** Across tenants: the key names its tenant. */
  findApiKey(keyId: string): Promise<ApiKey | undefined>
  listApiKeys(tenant: TenantId, page: Page<string>): Promise<readonly ApiKey[]>
  /** The denial of this token and the one of all its subject's tokens, whichever there are; expired ones included. */
  findDenials(tenant: TenantId, token: Omit<TokenName, 'issuedAtMs'>): Promise<readonly DeniedToken[]>
  /** Denials of the tenant that ended before `asOfMs`, oldest first. */
  listExpiredDenials(tenant: TenantId, asOfMs: number, limit: number): Promise<readonly DeniedToken[]>

  /** Documents of one subject in the states `depositing`, `stored` and `purging`: what is still of them; ascending by id. */
  liveDocuments(tenant: TenantId, subject: SubjectId, page: Page<DocumentId>): Promise<readonly Document[]>
  /** The same of at most 1,000 subjects; ascending by subject and id, strictly after `after`. */
  liveDocumentsOf(
    tenant: TenantId,
    subjects: readonly SubjectId[],
    page: Page<{ readonly subject: SubjectId; readonly id: DocumentId }>,
  ): Promise<readonly Document[]>
  /**
   * Subjects whose `lookAtMs` is at or before `asOfMs`, earliest first and of one instant by id, strictly after `after`. Its
   * cost does not grow with the subjects that are not due.
   */
  dueSubjects(
    tenant: TenantId,
    asOfMs: number,
    page: { readonly after?: { readonly lookAtMs: number; readonly id: SubjectId }; readonly limit: number },
  ): Promise<readonly Subject[]>
  /** How many those are, and the earliest `lookAtMs` of them. */
  countDue(tenant: TenantId, asOfMs: number): Promise<{ readonly count: number; readonly oldestMs?: number }>
  /** Subjects with a hold in force; ascending by id. */
  heldSubjects(tenant: TenantId, page: Page<SubjectId>): Promise<readonly Subject[]>
  countHeld(tenant: TenantId): Promise<number>
  /** Subjects that asked to be deleted and have no answer to that request; ascending by id. */
  unansweredSubjects(tenant: TenantId, page: Page<SubjectId>): Promise<readonly Subject[]>
  /**
   * How many of those have a closed account, and their time for an answer (`answerBeganMs`) began before `beforeMs`. Its cost does
   * not grow with the others.
   */
  countUnanswered(tenant: TenantId, beforeMs: number): Promise<number>
  /** Documents in the state `purging`: their destruction is under way; ascending by id. */
  purgingDocuments(tenant: TenantId, page: Page<DocumentId>): Promise<readonly Document[]>
  /** How many documents were purged at or after `sinceMs`. */
  countPurged(tenant: TenantId, sinceMs: number): Promise<number>
  /**
   * Documents in the state `stored` that came under a later version of the tenant's policy than this one. Its cost does not
   * grow with those that did not.
   */
  countUnderLaterPolicies(tenant: TenantId, version: number): Promise<number>
  /** Answers that name one of these documents, or those of the subjects' events: what is erased with them. At most 1,000 of either. */
  answersOf(
    tenant: TenantId,
    of: { readonly documents: readonly DocumentId[] } | { readonly subjects: readonly SubjectId[] },
  ): Promise<readonly Answer[]>
  findRun(tenant: TenantId, id: PurgeRunId): Promise<PurgeRun | undefined>
  /** Descending by id: the newest first, strictly before `after`. */
  listRuns(tenant: TenantId, page: Page<PurgeRunId>): Promise<readonly PurgeRun[]>
  /** Runs in no final state; ascending by id. */
  openRuns(tenant: TenantId): Promise<readonly PurgeRun[]>
  /** Pages of a run, ascending by `n`, strictly after `after`. */
  listPages(tenant: TenantId, run: PurgeRunId, page: Page<number>): Promise<readonly PurgePage[]>
  findApproval(tenant: TenantId, id: ApprovalId): Promise<Approval | undefined>
  /** Ascending by id. */
  listApprovals(tenant: TenantId, state: ApprovalState, page: Page<ApprovalId>): Promise<readonly Approval[]>
  findRetentionState(tenant: TenantId): Promise<RetentionState | undefined>
  findEpoch(tenant: TenantId, epoch: string): Promise<Epoch | undefined>
  /** Every epoch the tenant ever had, a handful; ascending by name. */
  listEpochs(tenant: TenantId): Promise<readonly Epoch[]>
  /** What another clock than this machine's says it is, where the store has one: epoch ms. */
  serverNowMs(): Promise<number | undefined>

  /** Depositing rows of the tenant whose deadline is before `asOfMs`, and abandoned ones; oldest first. */
  listOverdue(tenant: TenantId, asOfMs: number, limit: number): Promise<readonly Document[]>
  /** Answers of the tenant that ended before `asOfMs`, oldest first. */
  listExpiredAnswers(tenant: TenantId, asOfMs: number, limit: number): Promise<readonly Answer[]>
  /** For `check` and the sweep of orphans: every row in every state, ascending by id. */
  everyDocument(tenant: TenantId, page: Page<DocumentId>): Promise<readonly Document[]>
  /** Same for subjects and reviews, for `check`. */
  everySubject(tenant: TenantId, page: Page<SubjectId>): Promise<readonly Subject[]>
  everyReview(tenant: TenantId, page: Page<ReviewId>): Promise<readonly Review[]>
  /** Same for answers, open and done, ascending by key. */
  everyAnswer(tenant: TenantId, page: Page<string>): Promise<readonly Answer[]>
  /** Across tenants, since blob paths name none: which of these blob keys a document row names, in any state but `purged`. */
  namedBlobs(blobKeys: readonly string[]): Promise<ReadonlySet<string>>
  /** Every tenant id that has a row: `check` compares it with the tenants that are configured. */
  tenants(): Promise<readonly TenantId[]>

  /**
   * All changes or none; durable when it resolves. All rows are of one tenant. Unique beside the ids: (tenant, reference) of
   * subjects, document of reviews, (tenant, subject, uploadMac) of documents while depositing or stored.
   */
  commit(by: Grant | Settlement, changes: readonly Change[]): Promise<Committed>

  /**
   * Takes or renews the named lease until `nowMs + forMs` if it is free, expired, or held by `holder`; also where it would last a
   * day longer than that, since only a clock that ran ahead can have taken it. Whoever names the period of its work does not get
   * it while it rests (`dropLease`), unless from the end of that rest half a period more than one would still be to come: only
   * a clock that was ahead, or was set back since, can have said so.
   * @returns a fencing number that grows with each change of holder, or undefined when another holds it, or it rests
   */
  takeLease(name: string, holder: string, nowMs: number, forMs: number, everyMs?: number): Promise<number | undefined>
  /** Ends the lease if `holder` still holds it, and lets it rest until `restUntilMs`. */
  dropLease(name: string, holder: string, restUntilMs?: number): Promise<void>
}
