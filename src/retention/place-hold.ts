import type { Caller } from '../domain/caller.ts'
import type { Document } from '../domain/document.ts'
import { VaultError } from '../domain/errors.ts'
import { type Hold, type HoldKind, isInForce, isSameCase, maxHolds } from '../domain/hold.ts'
import type { CaseReference, DocumentId, SubjectReference } from '../domain/ids.ts'
import { reckoned } from '../domain/retention.ts'
import { viewHold } from '../domain/retention-view.ts'
import type { Subject } from '../domain/subject.ts'
import type { Tenant } from '../domain/tenant.ts'
import { isVisible } from '../domain/view.ts'
import { admit, close, codeOf, type Refusal } from '../guards/admit.ts'
import { type Answered, answerKeyOf, doneAnswer, type Idempotency, keyedHash, recall } from '../guards/idempotency.ts'
import { livePapers } from '../guards/live-papers.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'

/** Who loses a race lost it to somebody who won: twice as many tries as there may be uploads of one person in a day. */
const mostTries = 40

export interface HoldInput {
  readonly reference: SubjectReference
  readonly kind: HoldKind
  readonly case: CaseReference | undefined
  /** Only this paper of the subject; absent for all of them, those to come included. */
  readonly document?: DocumentId
  readonly idempotency: Idempotency
}

/**
 * Places a hold on a subject's papers, or on one of them, for a case. It bumps the version of the subject that a purge is decided
 * on: of the two exactly one wins. A case that was released before is held again under the same id. Beside a hold that the
 * platform's event placed for the same case it is one of its own, which no event ends.
 *
 * @returns 201 with the hold; `tooLate` names papers of the subject that are being destroyed already
 * @throws {VaultError} subject.unknown, document.unknown - this tenant has no such subject, or the subject no such paper
 * @throws {VaultError} role.not-allowed, case.missing, hold.kind - refused, on record
 * @throws {VaultError} hold.exists - the same person's side holds the same for the same case
 * @throws {VaultError} hold.too-many - the subject has no room for another case
 * @throws {VaultError} hold.too-late, document.purged - the paper, or every paper of the subject, is being or was destroyed
 * @throws {VaultError} idempotency.conflict, ledger.conflict - as everywhere
 */
export async function placeHold(vault: Vault, caller: Caller, input: HoldInput): Promise<Answered> {
  const tenant = tenantOf(vault, caller)
  const key = await answerKeyOf(vault, caller, input.idempotency)
  const [before, named, earlier] = await Promise.all([
    vault.ledger.findSubject(tenant.id, input.reference),
    input.document === undefined ? undefined : vault.ledger.findDocument(tenant.id, input.document),
    vault.ledger.findAnswer(key),
  ])
  const document = isVisible(named) && named.subject === before?.id ? named : undefined
  const isKnown = before !== undefined && (input.document === undefined || document !== undefined)
  const { grant } = await admit(vault, caller, {
    action: 'hold.place',
    resource: { known: isKnown, unknownCode: before ? 'document.unknown' : 'subject.unknown' },
    reason: { purpose: undefined, case: input.case },
    detail: { kind: input.kind },
    ...(before ? { subject: before.id } : {}),
    ...(input.document === undefined ? {} : { document: input.document }),
    // A repeated request is judged by its first answer.
    refuse: async () => (earlier || !before ? undefined : (await decideHold(vault, tenant, before, input)).refusal),
  })
  try {
    const parts = [input.reference, input.kind, input.case ?? '', input.document ?? '']
    const fingerprint = await keyedHash(vault, 'vault/hold/1', parts)
    for (let tries = 0; tries < mostTries; tries++) {
      const known = await recall(vault, tenant.id, key, fingerprint)
      if ('replay' in known) {
        await close(vault, grant, { out: 'done', why: 'replayed' })
        return known.replay
      }
      const old = await vault.ledger.findSubject(tenant.id, input.reference)
      if (!old) throw new VaultError('subject.unknown')
      const { refusal, tooLate } = await decideHold(vault, tenant, old, input)
      if (refusal || input.case === undefined) throw new VaultError(refusal?.code ?? 'case.missing', refusal?.facts)
      const nowMs = vault.clock.nowMs()
      const { subject, hold } = held(old, { ...input, case: input.case }, caller, nowMs)
      const told = { ...viewHold(subject, hold), ...(tooLate.length > 0 ? { tooLate } : {}) }
      const answer = { status: 201, location: `/v1/holds/${subject.id}.${hold.n}`, body: JSON.stringify(told) }
      const about = { subject: subject.id, ...(input.document === undefined ? {} : { document: input.document }) }
      const committed = await vault.ledger.commit(grant, [
        { row: 'subject', expected: old.version, put: reckoned(tenant, subject) },
        doneAnswer(known.claim, answer, nowMs, known.claim.replaces, about),
      ])
      if (!committed.done) continue
      await close(vault, grant, { out: 'done', detail: { hold: `${subject.id}.${hold.n}`, tooLate: tooLate.length } })
      return { ...answer, replayed: false }
    }
    throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}

interface Judged {
  readonly refusal?: Refusal
  readonly tooLate: readonly DocumentId[]
}

/** Read after the subject whose version is committed: whatever a purge moves in between moves that version too. */
async function decideHold(vault: Vault, tenant: Tenant, subject: Subject, input: HoldInput): Promise<Judged> {
  const refusal = refuseHold(tenant, subject, input)
  if (refusal) return { refusal, tooLate: [] }
  const papers = await papersMeant(vault, subject, input.document)
  const tooLate = papers.filter(({ state }) => state === 'purging').map(({ id }) => id)
  if (papers.some(({ state }) => state === 'purged')) return { refusal: { code: 'document.purged' }, tooLate }
  const isAllGone = papers.length > 0 && tooLate.length === papers.length
  return isAllGone ? { refusal: { code: 'hold.too-late' }, tooLate } : { tooLate }
}

async function papersMeant(vault: Vault, { tenant, id }: Subject, document?: DocumentId): Promise<readonly Document[]> {
  if (document === undefined) return livePapers(vault, tenant, id)
  const found = await vault.ledger.findDocument(tenant, document)
  return found ? [found] : []
}

function refuseHold(tenant: Tenant, subject: Subject, input: HoldInput): Refusal | undefined {
  if (!tenant.holds.includes(input.kind)) return { code: 'hold.kind', facts: { allowed: tenant.holds } }
  if (input.case === undefined) return { code: 'case.missing' }
  const same = placedBefore(subject, { ...input, case: input.case })
  if (same && isInForce(same)) return { code: 'hold.exists' }
  return !same && subject.holds.length >= maxHolds ? { code: 'hold.too-many', facts: { limit: maxHolds } } : undefined
}

type Wanted = HoldInput & { readonly case: CaseReference }

function placedBefore(subject: Subject, wanted: Wanted): Hold | undefined {
  return subject.holds.find(hold => hold.placedBy !== 'event' && isSameCase(hold, wanted))
}

function held(old: Subject, wanted: Wanted, caller: Caller, nowMs: number): { subject: Subject; hold: Hold } {
  const before = placedBefore(old, wanted)
  const { kind, case: about, document } = wanted
  const first = { n: old.holds.length + 1, kind, case: about, placedBy: caller.id, placedAtMs: nowMs }
  const fresh: Hold = { ...first, ...(document === undefined ? {} : { document }) }
  const hold: Hold = { ...(before ?? fresh), beganAtMs: Math.max(nowMs, before?.endedAtMs ?? 0) }
  const holds = before ? old.holds.map(other => (other === before ? hold : other)) : [...old.holds, hold]
  return { subject: { ...old, holds, version: old.version + 1 }, hold }
}
