import type { ApprovalId, DocumentId, PersonId, PurgeRunId, SubjectId, TenantId } from './ids.ts'
import type { RetentionGround } from './retention.ts'

/**
 * `planned` the list stands, nothing happened · `approved` by another person, where the tenant or the list asks for one ·
 * `requested` a person or the schedule asked for its execution · `executing` jobs are at work or will go on · `done` every item
 * has its outcome · `stale` the list is no longer what it was, or nobody acted in time: plan again.
 */
export type PurgeRunState = 'planned' | 'approved' | 'requested' | 'executing' | 'done' | 'stale'

/** The legal moves of a run; `done` and `stale` are final. */
export const purgeRunMoves: Readonly<Record<PurgeRunState, readonly PurgeRunState[]>> = {
  planned: ['approved', 'requested', 'stale'],
  approved: ['requested', 'stale'],
  requested: ['executing', 'stale'],
  executing: ['executing', 'done'],
  done: [],
  stale: [],
}

/** One rehearsed purge of a tenant: the exact list is in its pages, and its hash binds approval and execution to that list. */
export interface PurgeRun {
  readonly id: PurgeRunId
  readonly tenant: TenantId
  readonly state: PurgeRunState
  /** Items are judged as of this instant, which is not in the future. */
  readonly asOfMs: number
  /** Lower-case hex SHA-256 over the canonical JSON lines of all items in their order (retention/plan-hash.ts). */
  readonly planHash: string
  readonly count: number
  /** Of these so many wait for a person: the plan is executed only once another approved it. Absent for none. */
  readonly late?: number
  readonly pages: number
  readonly plannedBy: PersonId
  readonly plannedAtMs: number
  /** The plan may be executed until then. */
  readonly expiresAtMs: number
  readonly approvedBy?: PersonId
  readonly approval?: ApprovalId
  readonly requestedBy?: PersonId
  /** Of the lease that it is executed under: whoever holds an older one has lost it. */
  readonly fence?: number
  readonly endedAtMs?: number
  /** So far: destroyed; left alone since it was held, early or changed when it was looked at again; failed and to be tried again. */
  readonly destroyed: number
  readonly spared: number
  readonly failed: number
  readonly version: number
}

/** One line of a plan. */
export interface PurgeItem {
  readonly document: DocumentId
  readonly subject: SubjectId
  /** What the decision was made on; the subject's is 0 for a paper that was given up before. */
  readonly subjectVersion: number
  readonly documentVersion: number
  readonly ground: RetentionGround | 'erasure'
  readonly basis: string
  /** `YYYY-MM-DD`; of an erasure the day of its decision. */
  readonly dueOn: string
  readonly policyVersion: number
  /** It is due only by what was told late: destroyed only under an approved plan, whatever the tenant's policy says. */
  readonly waits?: 'late-fact'
  /** Absent until it was looked at again. */
  readonly outcome?: PurgeOutcome
}

/**
 * `destroyed` its certificate stands · `held` `early` `late` `changed` `gone` spared, and why; `late` since it waits for a person
 * and nobody approved the plan · `failed` to be tried again by a later run.
 */
export const purgeOutcomes = ['destroyed', 'held', 'early', 'late', 'changed', 'gone', 'failed'] as const
export type PurgeOutcome = (typeof purgeOutcomes)[number]

/** Whether a plan is executed only once a person approved it, who is not the one who planned it. */
export function needsApproval(
  { late = 0 }: Pick<PurgeRun, 'late'>,
  { purge }: { readonly purge: { readonly approval: boolean } },
): boolean {
  return purge.approval || late > 0
}

/** Items `n * itemsPerPage` and on of a run: the batch that is executed together, and the step that is resumed. */
export interface PurgePage {
  readonly tenant: TenantId
  readonly run: PurgeRunId
  /** From 0. */
  readonly n: number
  readonly state: 'planned' | 'done'
  readonly items: readonly PurgeItem[]
  readonly version: number
}

/** What is kept of a tenant's clock between runs. */
export interface RetentionState {
  readonly tenant: TenantId
  /** Of the policy that `lookAtMs` of every closed subject was reckoned with. */
  readonly policyVersion: number
  /** Marks of the clocks of each version as they were then (retention/clock-marks.ts); absent in a row of an older vault. */
  readonly clocks?: Readonly<Record<string, string>>
  /** When they are reckoned once more, since an instance that was not started anew yet may write by the former policy. */
  readonly againMs?: number
  /** A clock is trusted from here to 35 days later, where no other clock can be asked. */
  readonly trustedMs: number
  /** When two people last said that this machine's clock is right; believed for a day, whatever another clock says. */
  readonly confirmedMs?: number
  /** The last instant of the schedule that was acted on. */
  readonly scheduledMs?: number
  readonly version: number
}

/** Sizes and times of runs. */
export const purgeLimits = {
  itemsPerPage: 256,
  /** A plan that nobody executed by then is stale. */
  planLivesMs: 24 * 3_600_000,
  /** Failures of one document before it is left for a person. */
  mostAttempts: 5,
  /** How far the clock may be from the database's. */
  clockSkewMs: 5 * 60_000,
  /** How far beyond the last trusted time it may be where there is no database's. */
  clockLeapMs: 35 * 86_400_000,
  /** How long two people's word for it is enough. */
  clockConfirmedMs: 86_400_000,
} as const
