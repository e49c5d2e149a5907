import { type PaperOutcome, paperOutcome } from './deletion.ts'
import type { Document } from './document.ts'
import { deletionAnswerDueMs } from './retention.ts'
import { type BasisView, type KeepingHold, type Onlooker, viewBasis, viewHoldsInForce } from './retention-view.ts'
import { closedSince, deletionAskedSince, type Subject, unansweredSince } from './subject.ts'

/** What leaves the vault about a subject. */
export interface SubjectView {
  readonly reference: string
  /** The uuid under which the trail names this person. */
  readonly id: string
  readonly tier: number
  readonly openedAt: string
  /** What the platform told of the account; each absent until it does. */
  readonly accountOpenedAt?: string
  readonly closedAt?: string
  readonly reopenedAt?: string
  /** Whether the clock of the law runs. */
  readonly closed: boolean
  /** The holds in force. */
  readonly holds: readonly KeepingHold[]
  /** Only where the person asked to be deleted, and the account was not reopened since. */
  readonly deletion?: DeletionView
  readonly version: number
}

/** What the person who asked to be deleted can be told. */
export interface DeletionView {
  readonly askedAt: string
  /** `waiting` for the account to be closed · `open` to be answered by `answerDueAt` · `answered`. */
  readonly state: 'waiting' | 'open' | 'answered'
  readonly answerDueAt?: string
  readonly answeredAt?: string
  /** What becomes of each paper as things stand now; in a person's file of those on its page. */
  readonly papers?: readonly PaperOutcomeView[]
  /** There are more papers than are told of here: each says its day in the list of papers. */
  readonly more?: boolean
}

/** One paper's part of the answer. */
export interface PaperOutcomeView {
  readonly id: string
  readonly type: string
  readonly outcome: 'shredded' | 'kept'
  /** The day on which it goes or went, or on which the time that it is kept for ends. */
  readonly until?: string
  readonly ground: string
  readonly basis?: BasisView
  readonly reason?: string
  /** A hold keeps it beyond its time. */
  readonly held: boolean
}

const iso = (ms: number): string => new Date(ms).toISOString()

/** Papers of a subject, where the answer to its request to be deleted is told paper by paper. */
export interface PapersTold {
  readonly documents: readonly Document[]
  /** Whether there are others. */
  readonly more: boolean
}

/** The view of a subject. */
export function viewSubject(subject: Subject, onlooker: Onlooker, papers?: PapersTold): SubjectView {
  const { reference, id, tier, version, accountOpenedAtMs, closedAtMs, reopenedAtMs } = subject
  const deletion = viewDeletion(subject, onlooker, papers)
  return {
    reference,
    id,
    tier,
    openedAt: iso(subject.openedAtMs),
    ...(accountOpenedAtMs === undefined ? {} : { accountOpenedAt: iso(accountOpenedAtMs) }),
    ...(closedAtMs === undefined ? {} : { closedAt: iso(closedAtMs) }),
    ...(reopenedAtMs === undefined ? {} : { reopenedAt: iso(reopenedAtMs) }),
    closed: closedSince(subject) !== undefined,
    holds: viewHoldsInForce(subject, onlooker),
    ...(deletion ? { deletion } : {}),
    version,
  }
}

function viewDeletion(subject: Subject, onlooker: Onlooker, told: PapersTold | undefined): DeletionView | undefined {
  const waitingMs = unansweredSince(subject)
  const askedAtMs = waitingMs ?? deletionAskedSince(subject)
  if (askedAtMs === undefined) return undefined
  const answerDueMs = deletionAnswerDueMs(onlooker.tenant, subject)
  const answered = waitingMs === undefined ? subject.deletionAnswered : undefined
  const outcomes = told?.documents.flatMap(document => paperOutcome(onlooker.tenant, subject, document) ?? [])
  return {
    askedAt: iso(askedAtMs),
    state: answered ? 'answered' : answerDueMs === undefined ? 'waiting' : 'open',
    ...(answerDueMs === undefined ? {} : { answerDueAt: iso(answerDueMs) }),
    ...(answered ? { answeredAt: iso(answered.answeredAtMs) } : {}),
    ...(outcomes ? { papers: outcomes.map(outcome => viewOutcome(outcome, onlooker)) } : {}),
    ...(told?.more ? { more: true } : {}),
  }
}

function viewOutcome(paper: PaperOutcome, { tenant }: Onlooker): PaperOutcomeView {
  const { document, type, outcome, until, ground, basis, held } = paper
  const named = ground === 'erasure' ? { reason: basis } : { basis: viewBasis(tenant, basis) }
  return { id: document, type, outcome, ...(until === undefined ? {} : { until }), ground, ...named, held }
}
