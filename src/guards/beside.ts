import { type Approval, approvable, isApprovable } from '../domain/approval.ts'
import type { Caller, Reason } from '../domain/caller.ts'
import { isDenied, tokenOfCredential } from '../domain/denied-token.ts'
import type { ErrorCode } from '../domain/errors.ts'
import type { ApprovalId } from '../domain/ids.ts'
import type { Action } from '../domain/permission.ts'
import type { Change } from '../ports/ledger.ts'
import type { Vault } from './vault.ts'

/** How a second person comes into an action that needs one: beside the caller, or by the vote they cast before. */
export interface Beside {
  /** Another authenticated person who stands beside the caller. */
  readonly second?: Caller
  /** A granted approval that the caller asked for. */
  readonly approval?: ApprovalId
}

/** Only these members of a verb's input, for its admission. */
export function besideIn({ second, approval }: Beside): Beside {
  return { ...(second ? { second } : {}), ...(approval ? { approval } : {}) }
}

interface Besought extends Beside {
  readonly action: Action
  /** What the action is done to, as an approval of it names it (`approvable` in domain/approval.ts). */
  readonly target?: string
  readonly reason?: Reason
}

/** Who stands beside the caller, or why the approval that was named lends nobody. */
export type Stand =
  | { readonly second?: Caller; readonly approval?: Approval }
  | { readonly second?: undefined; readonly refused: ErrorCode }

/**
 * Turns an approval into the person who voted, if it was granted to this caller for this action on this thing, for the same
 * purpose and case, and both its time and the voter's credential are in force. It gives no right by itself: the second person
 * is judged by the role table like one who stands there.
 */
export async function whoStandsBeside(
  vault: Pick<Vault, 'ledger' | 'clock'>,
  caller: Caller,
  ask: Besought,
): Promise<Stand> {
  if (ask.approval === undefined || caller.tenant === undefined) return ask.second ? { second: ask.second } : {}
  const approval = await vault.ledger.findApproval(caller.tenant, ask.approval)
  if (!approval) return { refused: 'approval.unknown' }
  if (!isFor(approval, caller, ask)) return { refused: 'approval.other' }
  if (approval.state === 'pending' && vault.clock.nowMs() < approval.endsAtMs) return { refused: 'approval.pending' }
  if (approval.state !== 'granted' || vault.clock.nowMs() >= approval.endsAtMs) return { refused: 'approval.ended' }
  const second = await voterOf(vault, caller, approval)
  return second ? { second, approval } : { refused: 'approval.ended' }
}

function isFor(approval: Approval, caller: Caller, { action, target, reason }: Besought): boolean {
  return (
    approval.askedBy === caller.id &&
    approval.action === action &&
    approval.target === target &&
    approval.purpose === reason?.purpose &&
    approval.case === reason?.case
  )
}

/**
 * The voter as they are today: a key that was revoked since lends nobody, and its roles are the ones it has now. A token has
 * ended by then, and a vote outlives it; but one whose token, or all of whose tokens, were denied since lends nobody either.
 */
async function voterOf(
  vault: Pick<Vault, 'ledger'>,
  { tenant, requestId }: Caller,
  { votedBy, votedAtMs }: Approval,
): Promise<Caller | undefined> {
  if (!votedBy || votedAtMs === undefined || tenant === undefined) return undefined
  if (votedBy.auth !== 'key') {
    const token = tokenOfCredential(votedBy.credential)
    const denials = token && (await vault.ledger.findDenials(tenant, token))
    // When it was issued is not kept: not after the vote, and not before a denial that had come by then.
    const isStanding = token && denials && !isDenied(denials, { ...token, issuedAtMs: votedAtMs })
    return isStanding ? { ...votedBy, tenant, requestId } : undefined
  }
  const key = await vault.ledger.findApiKey(votedBy.credential)
  if (key?.tenant !== tenant || key?.person !== votedBy.id || key.revokedAtMs !== undefined) return undefined
  return { ...votedBy, roles: key.roles, tenant, requestId }
}

/** The change that uses up an approval for one effect, to be committed with it; undefined for one that lasts a while. */
export function useOf(approval: Approval): Change | undefined {
  if (!isApprovable(approval.action) || approvable[approval.action].lasts === 'while') return undefined
  const put: Approval = { ...approval, state: 'used', version: approval.version + 1 }
  return { row: 'approval', expected: approval.version, put }
}
