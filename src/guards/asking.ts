import type { Caller, Reason } from '../domain/caller.ts'
import type { Detail, EntryDraft, Out, OwnWhy } from '../domain/entry.ts'
import type { ErrorCode, VaultError } from '../domain/errors.ts'
import type { Action, Decision, Resource } from '../domain/permission.ts'
import type { Beside, Stand } from './beside.ts'

/** What a caller wants to do, as `admit` judges it and as its entry tells it. */
export interface Ask<A extends Action> extends Beside {
  readonly action: A
  readonly resource: Resource
  readonly reason?: Reason
  readonly subject?: string
  readonly document?: string
  /** Codes, numbers and opaque ids that belong to the intent, such as the range of a read. */
  readonly detail?: Detail
  /**
   * Rules beyond the role table: asked only when the table grants, so that their answer tells nothing to those who may not
   * ask, and before the entry is written, so that their refusal is on record like any other.
   */
  readonly refuse?: () => Promise<Refusal | undefined> | Refusal | undefined
  /** What the action is done to, as an approval of it names it (domain/approval.ts). */
  readonly target?: string
}

/** Why a verb refuses, by its own rules, what the role table grants. */
export interface Refusal {
  readonly code: ErrorCode
  readonly facts?: VaultError['facts']
}

/** What became of a granted action. */
export interface Outcome {
  readonly out: Exclude<Out, 'allow' | 'deny'>
  readonly why?: ErrorCode | OwnWhy
  readonly subject?: string
  readonly document?: string
  readonly detail?: Detail
}

const noReason: Reason = { purpose: undefined, case: undefined }

/** The reason that an ask names, or none. */
export function reasonOf({ reason }: Pick<Ask<Action>, 'reason'>): Reason {
  return reason ?? noReason
}

/** Why the role table refuses. */
export function refusalOf(decision: Decision & { granted: false }, stand: Stand): Refusal {
  if (decision.code === 'role.second-person' && 'refused' in stand) return { code: stand.refused }
  return decision.allowed ? { code: decision.code, facts: { allowed: decision.allowed } } : { code: decision.code }
}

/** The entry of a decision. @param answer how it was granted, or why it was not */
export function intentDraft(
  caller: Caller,
  ask: Ask<Action>,
  stand: Stand,
  answer: 'allow' | 'done' | Refusal,
): EntryDraft {
  return {
    act: ask.action,
    ...(typeof answer === 'string' ? { out: answer } : { out: 'deny', why: answer.code }),
    caller,
    ...(ask.subject === undefined ? {} : { subject: ask.subject }),
    ...(ask.document === undefined ? {} : { document: ask.document }),
    reason: reasonOf(ask),
    ...detailOf(ask, stand),
  }
}

function detailOf(ask: Ask<Action>, { second }: Stand): { detail?: Detail } {
  if (ask.detail === undefined && second === undefined && ask.approval === undefined) return {}
  const beside = { ...(second ? { second: second.id } : {}), ...(ask.approval ? { approval: ask.approval } : {}) }
  return { detail: { ...ask.detail, ...beside } }
}

/** The entry of what became of it. @param of id of the intent */
export function outcomeDraft(caller: Caller, ask: Ask<Action>, of: string, outcome: Outcome): EntryDraft {
  const subject = outcome.subject ?? ask.subject
  const document = outcome.document ?? ask.document
  return {
    act: ask.action,
    out: outcome.out,
    of,
    ...(outcome.why === undefined ? {} : { why: outcome.why }),
    caller,
    ...(subject === undefined ? {} : { subject }),
    ...(document === undefined ? {} : { document }),
    reason: reasonOf(ask),
    ...(outcome.detail === undefined ? {} : { detail: outcome.detail }),
  }
}
