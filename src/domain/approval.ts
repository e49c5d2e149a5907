import type { Caller } from './caller.ts'
import type { ApprovalId, CaseReference, PersonId, TenantId } from './ids.ts'
import type { Action } from './permission.ts'

/**
 * `pending` waits for another person · `granted` the asker may act, once or until it ends · `refused` by the other person ·
 * `used` acted upon. One that ended in time counts as ended in every state.
 */
export type ApprovalState = 'pending' | 'granted' | 'refused' | 'used'

/** One person asks another to stand beside them for one action on one thing. */
export interface Approval {
  readonly id: ApprovalId
  readonly tenant: TenantId
  readonly action: Action
  /** What it is about, as the voter is shown it: `document/<id>`, `hold/<id>`, `purge-run/<id>`, `caller/<key id>` …; bounded codes and ids. */
  readonly target: string
  readonly purpose?: string
  readonly case?: CaseReference
  readonly state: ApprovalState
  readonly askedBy: PersonId
  readonly askedAtMs: number
  /** Nothing is granted or used after it. */
  readonly endsAtMs: number
  /** Who voted, as they were when they voted: the second person of the action's decision. */
  readonly votedBy?: Pick<Caller, 'id' | 'roles' | 'auth' | 'credential' | 'kind'>
  readonly votedAtMs?: number
  readonly version: number
}

/** How long an approval waits for a vote and may then be used. */
export const approvalLivesMs = 24 * 3_600_000
