import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { DocumentId, SubjectId, SubjectReference, TenantId } from '../domain/ids.ts'
import { reckoned } from '../domain/retention.ts'
import { onlookerOf } from '../domain/retention-view.ts'
import {
  applyEvent,
  contradiction,
  holdEvents,
  isHoldEvent,
  newSubject,
  type Subject,
  type SubjectEvent,
} from '../domain/subject.ts'
import { viewSubject } from '../domain/subject-view.ts'
import type { Tenant } from '../domain/tenant.ts'
import { admit, close, codeOf, type Refusal } from '../guards/admit.ts'
import { type Answered, answerKeyOf, doneAnswer, type Idempotency, keyedHash, recall } from '../guards/idempotency.ts'
import { livePapers } from '../guards/live-papers.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'
import type { Committed } from '../ports/ledger.ts'

/** Clocks of platforms run a little ahead; beyond this an event is from the future and refused. */
const clockSkewMs = 5 * 60_000
/** No platform is older: a year that lost a digit must not make a paper look long overdue. */
const firstMs = Date.UTC(2000, 0, 1)
/** Who loses a race lost it to somebody who won: twice as many tries as there may be uploads of one person in a day. */
const mostTries = 40

export interface EventInput {
  readonly reference: SubjectReference
  readonly event: SubjectEvent
  readonly idempotency: Idempotency
}

/**
 * Records a lifecycle event of a subject; one that is not known, or no longer, is opened by it. Late, repeated and out-of-order
 * events end in the same subject. An event that begins a hold is a fact and is always recorded: papers that are being destroyed
 * by then are named in `tooLate` of the answer.
 *
 * @returns 202 with the subject as it is now
 * @throws {VaultError} event.not-offered - the tenant does not hold papers for such a case
 * @throws {VaultError} event.contradictory - it says it happened in the future, before the account was opened, or before 2000;
 *   or it opens an account that was closed before
 * @throws {VaultError} hold.too-many - the subject has no room for another case
 * @throws {VaultError} idempotency.conflict - the key was used with another event
 * @throws {VaultError} ledger.conflict - the subject changed too often meanwhile; safe to send again
 */
export async function recordEvent(vault: Vault, caller: Caller, input: EventInput): Promise<Answered> {
  const tenant = tenantOf(vault, caller)
  const { event } = input
  const key = await answerKeyOf(vault, caller, input.idempotency)
  const [before, earlier] = await Promise.all([
    vault.ledger.findSubject(tenant.id, input.reference),
    vault.ledger.findAnswer(key),
  ])
  const { grant } = await admit(vault, caller, {
    action: 'subject.event',
    resource: { known: true },
    ...(before ? { subject: before.id } : {}),
    ...(isHoldEvent(event) ? { reason: { purpose: undefined, case: event.case } } : {}),
    detail: { event: event.type },
    // A repeated request is judged by its first answer, not by what is known since.
    refuse: () => (earlier ? undefined : refuseEvent(tenant, before, event, vault.clock.nowMs())),
  })
  try {
    const fingerprint = await keyedHash(vault, 'vault/event/1', [input.reference, JSON.stringify(event)])
    for (let tries = 0; tries < mostTries; tries++) {
      const known = await recall(vault, tenant.id, key, fingerprint)
      if ('replay' in known) {
        await close(vault, grant, { out: 'done', why: 'replayed' })
        return known.replay
      }
      const old = await vault.ledger.findSubject(tenant.id, input.reference)
      const nowMs = vault.clock.nowMs()
      const refusal = refuseEvent(tenant, old, event, nowMs)
      if (refusal) throw new VaultError(refusal.code, refusal.facts)
      const subject = reckoned(
        tenant,
        applyEvent(old ?? unopened(caller, tenant.id, input.reference, event), event, nowMs),
      )
      const tooLate = old ? await papersMissed(vault, subject, event) : []
      const told = { ...viewSubject(subject, onlookerOf(tenant, caller)), ...(tooLate.length > 0 ? { tooLate } : {}) }
      const answer = { status: 202, location: `/v1/subjects/${input.reference}`, body: JSON.stringify(told) }
      const committed: Committed = await vault.ledger.commit(grant, [
        { row: 'subject', expected: old?.version ?? 0, put: subject },
        doneAnswer(known.claim, answer, nowMs, known.claim.replaces, { subject: subject.id }),
      ])
      if (!committed.done) continue
      await close(vault, grant, {
        out: 'done',
        subject: subject.id,
        ...(old ? {} : { why: 'opened' as const }),
        ...(tooLate.length > 0 ? { detail: { tooLate: tooLate.length } } : {}),
      })
      return { ...answer, replayed: false }
    }
    throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}

function refuseEvent(
  tenant: Tenant,
  known: Subject | undefined,
  event: SubjectEvent,
  nowMs: number,
): Refusal | undefined {
  if (event.atMs > nowMs + clockSkewMs) return contradictory('The event lies in the future.')
  if (event.atMs < firstMs) return contradictory('No event lies before the year 2000.')
  if (isHoldEvent(event) && !tenant.holds.includes(holdEvents[event.type].kind)) {
    return { code: 'event.not-offered', facts: { allowed: tenant.holds } }
  }
  const against = known && contradiction(known, event)
  switch (against) {
    case undefined:
      return undefined
    case 'too-many-holds':
      return { code: 'hold.too-many' }
    case 'before-account':
      return contradictory('The account was opened later than that.')
    case 'opened-late':
      return contradictory(
        'Something of the account came before. An account that was closed is opened again by reopened.',
      )
  }
}

const contradictory = (detail: string): Refusal => ({ code: 'event.contradictory', facts: { field: 'at', detail } })

/** Papers of the subject that the beginning of a hold came too late for: their destruction is under way. */
async function papersMissed(vault: Vault, subject: Subject, event: SubjectEvent): Promise<readonly DocumentId[]> {
  if (!isHoldEvent(event) || !holdEvents[event.type].begins) return []
  const papers = await livePapers(vault, subject.tenant, subject.id)
  return papers.filter(({ state }) => state === 'purging').map(({ id }) => id)
}

function unopened(caller: Caller, tenant: TenantId, reference: SubjectReference, event: SubjectEvent): Subject {
  const id = crypto.randomUUID() as SubjectId
  return newSubject({ id, tenant, reference, openedBy: caller.id, openedAtMs: event.atMs })
}
