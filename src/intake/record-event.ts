import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { SubjectId, SubjectReference, TenantId } from '../domain/ids.ts'
import { earliestLookMs } from '../domain/retention.ts'
import {
  applyEvent,
  contradiction,
  holdEvents,
  isHoldEvent,
  newSubject,
  type Subject,
  type SubjectEvent,
} from '../domain/subject.ts'
import type { Tenant } from '../domain/tenant.ts'
import { viewSubject } from '../domain/view.ts'
import { admit, close, codeOf, type Refusal } from '../guards/admit.ts'
import { type Answered, answerKeyOf, doneAnswer, type Idempotency, keyedHash, recall } from '../guards/idempotency.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'
import type { Committed } from '../ports/ledger.ts'

/** Clocks of platforms run a little ahead; beyond this an event is from the future and refused. */
const clockSkewMs = 5 * 60_000
const mostTries = 8

export interface EventInput {
  readonly reference: SubjectReference
  readonly event: SubjectEvent
  readonly idempotency: Idempotency
}

/**
 * Records a lifecycle event of a subject; one that is not known yet is opened by it. Late, repeated and out-of-order
 * events end in the same subject.
 *
 * @returns 202 with the subject as it is now
 * @throws {VaultError} event.not-offered - an event that this version does not act on
 * @throws {VaultError} event.contradictory - it says it happened in the future
 * @throws {VaultError} idempotency.conflict - the key was used with another event
 * @throws {VaultError} ledger.conflict - the subject changed too often meanwhile; safe to send again
 */
export async function recordEvent(vault: Vault, caller: Caller, input: EventInput): Promise<Answered> {
  const tenant = tenantOf(vault, caller)
  const { event } = input
  const before = await vault.ledger.findSubject(tenant.id, input.reference)
  const { grant } = await admit(vault, caller, {
    action: 'subject.event',
    resource: { known: true },
    ...(before ? { subject: before.id } : {}),
    detail: { event: event.type },
    refuse: () => refuseEvent(tenant, before, event, vault.clock.nowMs()),
  })
  try {
    const key = await answerKeyOf(vault, caller, input.idempotency)
    const fingerprint = await keyedHash(vault, 'vault/event/1', [input.reference, JSON.stringify(event)])
    for (let tries = 0; tries < mostTries; tries++) {
      const known = await recall(vault, tenant.id, key, fingerprint)
      if ('replay' in known) {
        await close(vault, grant, { out: 'done', why: 'replayed' })
        return known.replay
      }
      const old = await vault.ledger.findSubject(tenant.id, input.reference)
      const subject = reckoned(tenant, applyEvent(old ?? unopened(caller, tenant.id, input.reference, event), event))
      const answer = {
        status: 202,
        location: `/v1/subjects/${input.reference}`,
        body: JSON.stringify(viewSubject(subject)),
      }
      const committed: Committed = await vault.ledger.commit(grant, [
        { row: 'subject', expected: old?.version ?? 0, put: subject },
        doneAnswer(known.claim, answer, vault.clock.nowMs()),
      ])
      if (!committed.done) continue
      await close(vault, grant, { out: 'done', subject: subject.id, ...(old ? {} : { why: 'opened' as const }) })
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
  before: Subject | undefined,
  event: SubjectEvent,
  nowMs: number,
): Refusal | undefined {
  if (event.atMs > nowMs + clockSkewMs) return { code: 'event.contradictory', facts: { field: 'at' } }
  if (isHoldEvent(event) && !tenant.holds.includes(holdEvents[event.type].kind)) {
    return { code: 'event.not-offered', facts: { allowed: tenant.holds } }
  }
  const against = before && contradiction(before, event)
  if (against === 'too-many-holds') return { code: 'hold.too-many' }
  return against ? { code: 'event.contradictory', facts: { field: 'at' } } : undefined
}

/** With the moment at which the purge has to look at it. */
function reckoned(tenant: Tenant, { lookAtMs: _, ...subject }: Subject): Subject {
  const lookAtMs = earliestLookMs(tenant, subject)
  return lookAtMs === undefined ? subject : { ...subject, lookAtMs }
}

function unopened(caller: Caller, tenant: TenantId, reference: SubjectReference, event: SubjectEvent): Subject {
  const id = crypto.randomUUID() as SubjectId
  return newSubject({ id, tenant, reference, openedBy: caller.id, openedAtMs: event.atMs })
}
