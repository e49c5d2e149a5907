import type { Approval } from '../domain/approval.ts'
import type { Caller } from '../domain/caller.ts'
import type { Document } from '../domain/document.ts'
import { VaultError } from '../domain/errors.ts'
import type { PersonId, ReviewId } from '../domain/ids.ts'
import { fitsDecision, type Review, type ReviewReason, reasonsFor } from '../domain/review.ts'
import { viewReview } from '../domain/view.ts'
import { admit, close, codeOf, type Refusal } from '../guards/admit.ts'
import { type Beside, besideIn } from '../guards/beside.ts'
import {
  type Answered,
  answerKeyOf,
  doneAnswer,
  type Idempotency,
  isRepeated,
  keyedHash,
  recall,
} from '../guards/idempotency.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'

export interface OverrideInput extends Beside {
  readonly id: ReviewId
  /** The other one than was made. */
  readonly decision: 'approve' | 'reject'
  /** At least one; each must fit the decision. */
  readonly reasons: readonly ReviewReason[]
  readonly idempotency: Idempotency
}

const states = { approve: 'approved', reject: 'rejected' } as const

/**
 * Puts the other decision in the place of one that was made, by decision of two senior reviewers; who made the first may be one
 * of them. It stays in the row, and those before it in the trail. Nobody gets a right to the original by it.
 *
 * @param input.second, input.approval the second person, beside the caller or by their vote
 * @returns 201 with the review
 * @throws {VaultError} review.unknown - this tenant has no such review
 * @throws {VaultError} role.second-person, approval.* - nobody stands beside the caller, or nobody who may
 * @throws {VaultError} review.open - there is no decision yet
 * @throws {VaultError} review.same - the decision stands already
 * @throws {VaultError} review.reason - no reason, or one that does not fit the decision
 * @throws {VaultError} document.purged - the paper is being or was destroyed
 * @throws {VaultError} approval.ended - the vote was asked for before the decision that stands now
 * @throws {VaultError} idempotency.conflict, ledger.conflict - as everywhere
 */
export async function overrideReview(vault: Vault, caller: Caller, input: OverrideInput): Promise<Answered> {
  const tenant = tenantOf(vault, caller)
  const key = await answerKeyOf(vault, caller, input.idempotency)
  const fingerprint = await keyedHash(vault, 'vault/override/1', [input.id, input.decision, ...input.reasons])
  const [review, earlier, approval] = await Promise.all([
    vault.ledger.findReview(tenant.id, input.id),
    vault.ledger.findAnswer(key),
    input.approval === undefined ? undefined : vault.ledger.findApproval(tenant.id, input.approval),
  ])
  const document = review && (await vault.ledger.findDocument(tenant.id, review.document))
  const repeated = isRepeated(earlier, fingerprint, vault.clock.nowMs())
  const { grant, second } = await admit(vault, caller, {
    action: 'review.override',
    resource: { known: review !== undefined, unknownCode: 'review.unknown', repeated },
    ...besideIn(input),
    target: `review/${input.id}/${input.decision}`,
    detail: { decision: input.decision },
    ...(review ? { document: review.document, subject: review.subject } : {}),
    refuse: () => (earlier ? undefined : refuseOverride(review, document, approval, input)),
  })
  try {
    const known = await recall(vault, tenant.id, key, fingerprint)
    if ('replay' in known) {
      await close(vault, grant, { out: 'done', why: 'replayed' })
      return known.replay
    }
    // Two people overrode the decision that was there when they were admitted: another wants a new admission.
    const refusal = refuseOverride(review, document, approval, input)
    if (refusal) throw new VaultError(refusal.code, refusal.facts)
    // Who stands beside a repeated request was not judged: it is told its answer, and nothing more.
    if (repeated || !review || !second) throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
    const nowMs = vault.clock.nowMs()
    const decided = overridden(review, input, [caller.id, second.id], grant.intent, nowMs)
    const answer = {
      status: 201,
      location: `/v1/documents/${review.document}`,
      body: JSON.stringify(viewReview(decided, nowMs)),
    }
    const committed = await vault.ledger.commit(grant, [
      { row: 'review', expected: review.version, put: decided },
      doneAnswer(known.claim, answer, nowMs, known.claim.replaces, { document: review.document }),
    ])
    if (!committed.done) throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
    await close(vault, grant, { out: 'done', detail: { decision: input.decision, reasons: input.reasons } })
    return { ...answer, replayed: false }
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}

/** @param approval by which the second person comes in, if it is one */
function refuseOverride(
  review: Review | undefined,
  document: Document | undefined,
  approval: Approval | undefined,
  { decision, reasons }: OverrideInput,
): Refusal | undefined {
  if (!review) return { code: 'review.unknown' }
  if (document?.state !== 'stored') return { code: 'document.purged' }
  if (review.state === 'pending') return { code: 'review.open' }
  if (review.state === states[decision]) return { code: 'review.same' }
  if (!fitsDecision(decision, reasons)) return { code: 'review.reason', facts: { allowed: reasonsFor(decision) } }
  const isOfAnother = approval && (review.decision?.atMs ?? 0) > approval.askedAtMs
  return isOfAnother ? { code: 'approval.ended' } : undefined
}

function overridden(
  review: Review,
  { decision, reasons }: OverrideInput,
  [by, second]: readonly [PersonId, PersonId],
  { log, index }: { readonly log: string; readonly index: number },
  atMs: number,
): Review {
  const { state, decision: before } = review
  if (state === 'pending' || !before) throw new VaultError('review.open')
  return {
    ...review,
    state: states[decision],
    decision: { by, second, atMs, reasons, trail: { log, index } },
    overridden: { ...before, state },
    version: review.version + 1,
  }
}
