import type { Caller } from './caller.ts'
import { tokenPatterns } from './denied-token.ts'
import { epochPattern } from './epoch.ts'
import { erasureReasons } from './erasure.ts'
import type { ApprovalId, CaseReference, PersonId, TenantId } from './ids.ts'
import type { Action, matrix } from './permission.ts'

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
const recipient = '[A-Za-z0-9._:/-]{1,64}'
const token = `${bare(tokenPatterns.issuer)} ${bare(tokenPatterns.subject)} (?:\\*|${bare(tokenPatterns.tokenId)})`

/** Actions with a cell A in the role table: one person alone has no right to them. */
type SecondAction = {
  [A in Action]: 'second' extends (typeof matrix)[A][keyof (typeof matrix)[A]] ? A : never
}[Action]

/** Those of them that nothing does yet. A verb that comes takes its action out of this list, and then names its target below. */
export const notOffered = [
  'document.open.preview',
  'document.open.masked',
  'disclosure.prepare',
  'disclosure.decide',
  'policy.change',
] as const satisfies readonly SecondAction[]

interface Approvable {
  /** In words, for whoever asks. */
  readonly target: string
  readonly form: RegExp
  readonly lasts: 'once' | 'while'
}

/**
 * Every other action that needs a second person may be approved beforehand. What the target of each names, and how long a grant
 * lasts: `once` for one effect, `while` for looks within an hour of the vote.
 */
export const approvable = {
  'document.open.original': { target: 'document/{document id}', form: form(`document/${uuid}`), lasts: 'while' },
  'document.export': {
    target: 'export/{document id} {namespace} {key name}, the names of the recipient’s key',
    form: form(`export/${uuid} ${recipient} ${recipient}`),
    lasts: 'while',
  },
  'document.erase': {
    target: 'document/{document id}/{reason}',
    form: form(`document/${uuid}/(?:${erasureReasons.join('|')})`),
    lasts: 'once',
  },
  'review.override': {
    target: 'review/{review id}/{approve or reject}',
    form: form(`review/${uuid}/(?:approve|reject)`),
    lasts: 'once',
  },
  'hold.release': { target: 'hold/{hold id}', form: form(`hold/${uuid}\\.[1-9][0-9]?`), lasts: 'once' },
  'key.rotate': {
    target: 'epoch/{epoch}, the active one that a new one is to replace',
    form: form(`epoch/${bare(epochPattern)}`),
    lasts: 'once',
  },
  'caller.manage': {
    target:
      'key/{key id} to revoke it, new-key/{person}/{kind}/{role}+{role} to make one, ' +
      'token/{issuer} {subject} {token id, or * for all} to deny tokens',
    form: form(`(?:key/[a-z0-9]{16}|new-key/${person}/(?:person|service)/[a-z+-]{1,120}|token/${token})`),
    lasts: 'once',
  },
  'purge.confirm-clock': { target: 'purge-clock', form: form('purge-clock'), lasts: 'once' },
} as const satisfies Record<Exclude<SecondAction, (typeof notOffered)[number]>, Approvable>

function form(source: string): RegExp {
  return new RegExp(`^${source}$`)
}

function bare({ source }: RegExp): string {
  return source.slice('^'.length, -'$'.length)
}

export type ApprovableAction = keyof typeof approvable

/** Whether an action can be asked an approval for. */
export function isApprovable(action: Action): action is ApprovableAction {
  return Object.hasOwn(approvable, action)
}

/** How long a request waits for its vote, and a grant for its use. */
export const approvalLivesMs = 24 * 3_600_000
/**
 * How long a grant to look lasts from its vote on, and every grant by somebody who signed in by a token: whose roles were taken
 * from them at the issuer stands beside nobody for longer, while those of a key are looked up again.
 */
export const lookLivesMs = 3_600_000

/** Waiting for a vote now. */
export function isVotable(approval: Approval, nowMs: number): boolean {
  return approval.state === 'pending' && nowMs < approval.endsAtMs
}

/** The approval after its one vote. */
export function vote(approval: Approval, grants: boolean, by: Caller, nowMs: number): Approval {
  const looks = isApprovable(approval.action) && approvable[approval.action].lasts === 'while'
  const isShort = looks || by.auth !== 'key'
  return {
    ...approval,
    state: grants ? 'granted' : 'refused',
    endsAtMs: isShort ? Math.min(approval.endsAtMs, nowMs + lookLivesMs) : approval.endsAtMs,
    votedBy: { id: by.id, roles: by.roles, auth: by.auth, credential: by.credential, kind: by.kind },
    votedAtMs: nowMs,
    version: approval.version + 1,
  }
}
