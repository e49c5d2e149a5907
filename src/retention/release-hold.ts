import type { Approval } from '../domain/approval.ts'
import type { Caller, Reason } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import { type Hold, isInForce } from '../domain/hold.ts'
import { type HoldId, holdIdParts, type PersonId } from '../domain/ids.ts'
import { reckoned } from '../domain/retention.ts'
import { viewHold } from '../domain/retention-view.ts'
import type { Subject } from '../domain/subject.ts'
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

/** Who loses a race lost it to somebody who won: twice as many tries as there may be uploads of one person in a day. */
const mostTries = 40

export interface ReleaseInput extends Beside {
  readonly id: HoldId
  readonly reason: Reason
  readonly idempotency: Idempotency
}

/**
 * Ends a hold by decision of two people, whoever placed it; nothing else but an event of the platform, for a hold of its own, does.
 *
 * @param input.second, input.approval the second person, beside the caller or by their vote
 * @returns 200 with the hold
 * @throws {VaultError} hold.unknown - this tenant has no such hold
 * @throws {VaultError} role.second-person, approval.* - nobody stands beside the caller, or nobody who may
 * @throws {VaultError} hold.ended - it is in force no more
 * @throws {VaultError} approval.ended - the vote was asked for before the hold was placed anew
 * @throws {VaultError} idempotency.conflict, ledger.conflict - as everywhere
 */
export async function releaseHold(vault: Vault, caller: Caller, input: ReleaseInput): Promise<Answered> {
  const tenant = tenantOf(vault, caller)
  const { subject: subjectId, n } = holdIdParts(input.id)
  const key = await answerKeyOf(vault, caller, input.idempotency)
  const fingerprint = await keyedHash(vault, 'vault/release/1', [input.id])
  const [before, earlier, approval] = await Promise.all([
    vault.ledger.findSubjectById(tenant.id, subjectId),
    vault.ledger.findAnswer(key),
    input.approval === undefined ? undefined : vault.ledger.findApproval(tenant.id, input.approval),
  ])
  const hold = before && holdIn(before, n)
  const repeated = isRepeated(earlier, fingerprint, vault.clock.nowMs())
  const { grant, second } = await admit(vault, caller, {
    action: 'hold.release',
    resource: { known: hold !== undefined, unknownCode: 'hold.unknown', repeated },
    reason: input.reason,
    ...besideIn(input),
    target: `hold/${input.id}`,
    detail: { hold: input.id },
    ...(hold && before ? { subject: before.id } : {}),
    ...(hold?.document === undefined ? {} : { document: hold.document }),
    refuse: () => (earlier ? undefined : refuseRelease(hold, approval)),
  })
  try {
    for (let tries = 0; tries < mostTries; tries++) {
      const known = await recall(vault, tenant.id, key, fingerprint)
      if ('replay' in known) {
        await close(vault, grant, { out: 'done', why: 'replayed' })
        return known.replay
      }
      // Who stands beside a repeated request was not judged: it is told its answer, and nothing more.
      if (repeated || !second) break
      const old = await vault.ledger.findSubjectById(tenant.id, subjectId)
      const current = old && holdIn(old, n)
      const refusal = refuseRelease(current, approval)
      if (refusal || !old || !current) throw new VaultError(refusal?.code ?? 'hold.unknown')
      const nowMs = vault.clock.nowMs()
      const { subject, ended } = released(old, current, [caller.id, second.id], nowMs)
      const answer = { status: 200, location: `/v1/holds/${input.id}`, body: JSON.stringify(viewHold(subject, ended)) }
      const committed = await vault.ledger.commit(grant, [
        { row: 'subject', expected: old.version, put: reckoned(tenant, subject) },
        doneAnswer(known.claim, answer, nowMs, known.claim.replaces, { subject: subject.id }),
      ])
      if (!committed.done) continue
      await close(vault, grant, { out: 'done', detail: { hold: input.id, kind: ended.kind } })
      return { ...answer, replayed: false }
    }
    throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}

function holdIn({ holds }: Subject, n: number): Hold | undefined {
  return holds.find(hold => hold.n === n)
}

/** @param approval by which the second person comes in, if it is one */
function refuseRelease(hold: Hold | undefined, approval: Approval | undefined): Refusal | undefined {
  if (!hold) return { code: 'hold.unknown' }
  if (!isInForce(hold)) return { code: 'hold.ended' }
  const isOfAnother = approval && (hold.beganAtMs ?? 0) > approval.askedAtMs
  return isOfAnother ? { code: 'approval.ended' } : undefined
}

/** A beginning and an end at one instant hold, and a platform's clock may run ahead: the end comes after the beginning. */
function released(old: Subject, hold: Hold, releasedBy: readonly PersonId[], nowMs: number) {
  const endedAtMs = Math.max(nowMs, (hold.beganAtMs ?? 0) + 1)
  const ended: Hold = { ...hold, endedAtMs, releasedBy }
  const holds = old.holds.map(other => (other === hold ? ended : other))
  return { subject: { ...old, holds, version: old.version + 1 }, ended }
}
