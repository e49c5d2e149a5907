import { type ApprovableAction, type Approval, approvable, approvalLivesMs } from '../domain/approval.ts'
import type { Caller, Reason } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { ApprovalId } from '../domain/ids.ts'
import { decide } from '../domain/permission.ts'
import type { Tenant } from '../domain/tenant.ts'
import { viewApproval } from '../domain/view.ts'
import { admit, close, codeOf, type Refusal } from '../guards/admit.ts'
import { type Answered, answerKeyOf, doneAnswer, type Idempotency, keyedHash, recall } from '../guards/idempotency.ts'
import { tenantOf } from '../guards/tenancy.ts'
import { newUuid7 } from '../guards/uuid7.ts'
import type { Vault } from '../guards/vault.ts'

export interface ApprovalInput {
  readonly action: ApprovableAction
  /** What it is to be done to, in the form that `approvable` names for the action. */
  readonly target: string
  /** The purpose and case that the action will name; the grant is for these alone. */
  readonly reason: Reason
  readonly idempotency: Idempotency
}

/**
 * Asks for another person's vote, for one action on one thing. It gives nothing by itself: whoever votes, and the use of the
 * grant, are judged by the role table again.
 *
 * @returns 201 with the approval, pending
 * @throws {VaultError} role.not-allowed, purpose.*, case.missing - the caller could not do it with a second person either
 * @throws {VaultError} field.invalid - the caller needs nobody for it, or the target has not the form of the action
 * @throws {VaultError} idempotency.conflict - the key was used for another request
 */
export async function askApproval(vault: Vault, caller: Caller, input: ApprovalInput): Promise<Answered> {
  const tenant = tenantOf(vault, caller)
  const { action, target, reason } = input
  const { grant } = await admit(vault, caller, {
    action: 'approval.ask',
    resource: { known: true },
    reason,
    detail: { for: action, target },
    refuse: () => refuseAsking(tenant, caller, input),
  })
  try {
    const key = await answerKeyOf(vault, caller, input.idempotency)
    const parts = [action, target, reason.purpose ?? '', reason.case ?? '']
    const known = await recall(vault, tenant.id, key, await keyedHash(vault, 'vault/approval/1', parts))
    if ('replay' in known) {
      await close(vault, grant, { out: 'done', why: 'replayed' })
      return known.replay
    }
    const nowMs = vault.clock.nowMs()
    const approval: Approval = {
      id: newUuid7(nowMs) as ApprovalId,
      tenant: tenant.id,
      action,
      target,
      ...(reason.purpose === undefined ? {} : { purpose: reason.purpose }),
      ...(reason.case === undefined ? {} : { case: reason.case }),
      state: 'pending',
      askedBy: caller.id,
      askedAtMs: nowMs,
      endsAtMs: nowMs + approvalLivesMs,
      version: 1,
    }
    const answer = {
      status: 201,
      location: `/v1/approvals/${approval.id}`,
      body: JSON.stringify(viewApproval(approval, nowMs)),
    }
    const committed = await vault.ledger.commit(grant, [
      { row: 'approval', expected: 0, put: approval },
      doneAnswer(known.claim, answer, nowMs),
    ])
    if (!committed.done) throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
    await close(vault, grant, { out: 'done', detail: { approval: approval.id } })
    return { ...answer, replayed: false }
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}

/** Worth asking is only what the caller may do with a second person, and not without. */
function refuseAsking(tenant: Tenant, caller: Caller, { action, target, reason }: ApprovalInput): Refusal | undefined {
  if (!approvable[action].form.test(target)) {
    return { code: 'field.invalid', facts: { field: 'target', detail: approvable[action].target } }
  }
  const decision = decide(caller, action, { known: true, assigned: true, own: true }, tenant, reason)
  if (decision.granted) {
    return { code: 'field.invalid', facts: { field: 'action', detail: 'You need no second person for it.' } }
  }
  if (decision.code === 'role.second-person') {
    return caller.kind === 'person' ? undefined : { code: 'role.not-allowed' }
  }
  return decision.allowed ? { code: decision.code, facts: { allowed: decision.allowed } } : { code: decision.code }
}
