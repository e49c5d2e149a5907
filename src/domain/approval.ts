import type { Caller } from './caller.ts'
import { erasureReasons } from './erasure.ts'
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

const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'
const person = '[A-Za-z0-9._:-]{1,64}'

/**
 * The actions that one person may be asked to approve beforehand, what the target of each names, and how long a grant lasts:
 * `once` for one effect, `while` for looks within an hour of the vote. Others need the second person beside the caller.
 */
export const approvable = {
  'document.open.original': { target: 'document/{document id}', form: form(`document/${uuid}`), lasts: 'while' },
  'document.erase': {
    target: 'document/{document id}/{reason}',
    form: form(`document/${uuid}/(?:${erasureReasons.join('|')})`),
    lasts: 'once',
  },
  'hold.release': { target: 'hold/{hold id}', form: form(`hold/${uuid}\\.[1-9][0-9]?`), lasts: 'once' },
  'caller.manage': {
    target: 'key/{key id} to revoke it, new-key/{person}/{kind}/{role}+{role} to make one',
    form: form(`(?:key/[a-z0-9]{16}|new-key/${person}/(?:person|service)/[a-z+-]{1,120})`),
    lasts: 'once',
  },
  'purge.confirm-clock': { target: 'purge-clock', form: form('purge-clock'), lasts: 'once' },
} as const satisfies Partial<Record<Action, { target: string; form: RegExp; lasts: 'once' | 'while' }>>

function form(source: string): RegExp {
  return new RegExp(`^${source}$`)
}

export type ApprovableAction = keyof typeof approvable

/** Whether an action can be asked an approval for. */
export function isApprovable(action: Action): action is ApprovableAction {
  return Object.hasOwn(approvable, action)
}

/** How long a request waits for its vote, and a grant for its use. */
export const approvalLivesMs = 24 * 3_600_000
/** How long a grant to look lasts from its vote on. */
export const lookLivesMs = 3_600_000

/** Waiting for a vote now. */
export function isVotable(approval: Approval, nowMs: number): boolean {
  return approval.state === 'pending' && nowMs < approval.endsAtMs
}

/** The approval after its one vote. */
export function vote(approval: Approval, grants: boolean, by: Caller, nowMs: number): Approval {
  const looks = isApprovable(approval.action) && approvable[approval.action].lasts === 'while'
  return {
    ...approval,
    state: grants ? 'granted' : 'refused',
    endsAtMs: looks ? Math.min(approval.endsAtMs, nowMs + lookLivesMs) : approval.endsAtMs,
    votedBy: { id: by.id, roles: by.roles, auth: by.auth, credential: by.credential, kind: by.kind },
    votedAtMs: nowMs,
    version: approval.version + 1,
  }
}
