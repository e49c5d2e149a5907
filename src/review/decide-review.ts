import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { DocumentId } from '../domain/ids.ts'
import { fitsDecision, isAssigned, type Review, type ReviewReason, reasonsFor } from '../domain/review.ts'
import { viewReview } from '../domain/view.ts'
import { admit, close, codeOf, type Refusal } from '../guards/admit.ts'
import { type Answered, answerKeyOf, doneAnswer, type Idempotency, keyedHash, recall } from '../guards/idempotency.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'
import { deskOf, takeOffDesk } from './desk.ts'

const mostTries = 5

export interface DecisionInput {
  readonly document: DocumentId
  readonly decision: 'approve' | 'reject'
  /** At least one; each must fit the decision. */
  readonly reasons: readonly ReviewReason[]
  readonly idempotency: Idempotency
}

/**
 * Decides a document's review, once: the decision is final and ends the caller's right to the original.
 *
 * @returns 201 with the review
 * @throws {VaultError} document.unknown - this tenant has no such document
 * @throws {VaultError} role.not-assigned - a reviewer who does not hold the review
 * @throws {VaultError} review.final - it is decided
 * @throws {VaultError} review.reason - no reason, or one that does not fit the decision
 * @throws {VaultError} idempotency.conflict - the key was used with another decision
 */
export async function decideReview(vault: Vault, caller: Caller, input: DecisionInput): Promise<Answered> {
  const tenant = tenantOf(vault, caller)
  const key = await answerKeyOf(vault, caller, input.idempotency)
  const [review, earlier] = await Promise.all([
    vault.ledger.findReviewOf(tenant.id, input.document),
    vault.ledger.findAnswer(key),
  ])
  const repeated = earlier?.state === 'done' && earlier.expiresAtMs > vault.clock.nowMs()
  const { grant } = await admit(vault, caller, {
    action: 'review.decide',
    resource: {
      known: review !== undefined,
      unknownCode: 'document.unknown',
      // The decision ended the assignment; who repeats the same request is still told its answer.
      assigned: isAssigned(review, caller.id, vault.clock.nowMs()) || repeated,
    },
    document: input.document,
    ...(review ? { subject: review.subject } : {}),
    refuse: () => (repeated ? undefined : refuseDecision(review, input)),
  })
  try {
    const fingerprint = await keyedHash(vault, 'vault/decision/1', [input.document, input.decision, ...input.reasons])
    for (let tries = 0; tries < mostTries; tries++) {
      const known = await recall(vault, tenant.id, key, fingerprint)
      if ('replay' in known) {
        await close(vault, grant, { out: 'done', why: 'replayed' })
        return known.replay
      }
      // Decided is the review as it was admitted: one that moved meanwhile, its assignment included, wants a new admission.
      const refusal = refuseDecision(review, input)
      if (refusal) throw new VaultError(refusal.code, refusal.facts)
      if (!review) break
      const nowMs = vault.clock.nowMs()
      const { assignment, ...rest } = review
      const decided: Review = {
        ...rest,
        state: input.decision === 'approve' ? 'approved' : 'rejected',
        decision: { by: caller.id, atMs: nowMs, reasons: input.reasons, trail: placeOf(grant.intent) },
        version: review.version + 1,
      }
      const answer = {
        status: 201,
        location: `/v1/documents/${input.document}`,
        body: JSON.stringify(viewReview(decided, nowMs)),
      }
      const desk = await deskOf(vault, tenant.id, assignment?.person ?? caller.id)
      const committed = await vault.ledger.commit(grant, [
        { row: 'review', expected: review.version, put: decided },
        ...(assignment ? [takeOffDesk(desk, review.id)] : []),
        doneAnswer(known.claim, answer, nowMs, known.claim.replaces, { document: input.document }),
      ])
      if (!committed.done && committed.change === 0) break
      if (!committed.done) continue
      await close(vault, grant, { out: 'done', detail: { decision: input.decision, reasons: input.reasons } })
      return { ...answer, replayed: false }
    }
    throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}

function refuseDecision(review: Review | undefined, { decision, reasons }: DecisionInput): Refusal | undefined {
  if (!review) return { code: 'document.unknown' }
  if (review.state !== 'pending') return { code: 'review.final' }
  if (fitsDecision(decision, reasons)) return undefined
  return { code: 'review.reason', facts: { allowed: reasonsFor(decision) } }
}

const placeOf = ({ log, index }: { readonly log: string; readonly index: number }) => ({ log, index })
