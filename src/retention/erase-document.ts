import type { Caller, Reason } from '../domain/caller.ts'
import type { Document, PurgingDocument, StoredDocument } from '../domain/document.ts'
import type { ErasureReason } from '../domain/erasure.ts'
import { VaultError } from '../domain/errors.ts'
import { holdsDocument } from '../domain/hold.ts'
import type { DocumentId, PersonId } from '../domain/ids.ts'
import { floorOf, retentionOf } from '../domain/retention.ts'
import { onlookerOf } from '../domain/retention-view.ts'
import { closedSince, type Subject } from '../domain/subject.ts'
import type { Tenant } from '../domain/tenant.ts'
import { isVisible, viewDocument } from '../domain/view.ts'
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

export interface ErasureInput extends Beside {
  readonly id: DocumentId
  readonly why: ErasureReason
  readonly reason: Reason
  readonly idempotency: Idempotency
}

/**
 * Gives a paper up before its time, by decision of two people for a purpose and a case. No read reaches it from the moment this
 * resolves; its key and bytes are destroyed by the next purge. Nothing takes it back.
 *
 * @param input.second, input.approval the second person, beside the caller or by their vote
 * @returns 202 with the paper, whose state is `purging`
 * @throws {VaultError} document.unknown, purpose.*, case.missing, role.second-person, approval.* - refused, on record
 * @throws {VaultError} document.purged - it is being or was destroyed
 * @throws {VaultError} document.held - a hold keeps it
 * @throws {VaultError} document.floor - the person's own request does not shorten the least time that the law asks for
 * @throws {VaultError} policy.unknown - nobody can say what the law asks for
 * @throws {VaultError} idempotency.conflict, ledger.conflict - as everywhere
 */
export async function eraseDocument(vault: Vault, caller: Caller, input: ErasureInput): Promise<Answered> {
  const tenant = tenantOf(vault, caller)
  const key = await answerKeyOf(vault, caller, input.idempotency)
  const fingerprint = await keyedHash(vault, 'vault/erasure/1', [input.id, input.why])
  const [before, earlier] = await Promise.all([read(vault, tenant, input.id), vault.ledger.findAnswer(key)])
  const repeated = isRepeated(earlier, fingerprint, vault.clock.nowMs())
  const { grant, second } = await admit(vault, caller, {
    action: 'document.erase',
    resource: { known: before.document !== undefined, unknownCode: 'document.unknown', repeated },
    reason: input.reason,
    ...besideIn(input),
    target: `document/${input.id}/${input.why}`,
    detail: { reason: input.why },
    document: input.id,
    ...(before.document ? { subject: before.document.subject } : {}),
    refuse: () => (earlier ? undefined : refuseErasure(tenant, before, input.why, vault.clock.nowMs())),
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
      const nowMs = vault.clock.nowMs()
      const now = await read(vault, tenant, input.id)
      const refusal = refuseErasure(tenant, now, input.why, nowMs)
      const { document, subject: old } = now
      if (refusal || document?.state !== 'stored' || !old) {
        throw new VaultError(refusal?.code ?? 'document.unknown', refusal?.facts)
      }
      // Sooner, never later, than the purge looks at the person's other papers: this clock was held against nothing.
      const lookAtMs = Math.min(old.lookAtMs ?? nowMs, nowMs)
      const subject: Subject = { ...old, lookAtMs, version: old.version + 1 }
      const purging = givenUp(document, subject, { why: input.why, decidedBy: [caller.id, second.id] }, nowMs)
      const view = viewDocument(purging, subject, undefined, onlookerOf(tenant, caller))
      const answer = { status: 202, location: `/v1/documents/${input.id}`, body: JSON.stringify(view) }
      const about = { document: input.id, subject: subject.id }
      const committed = await vault.ledger.commit(grant, [
        { row: 'document', expected: document.version, put: purging },
        { row: 'subject', expected: old.version, put: subject },
        doneAnswer(known.claim, answer, nowMs, known.claim.replaces, about),
      ])
      if (!committed.done) continue
      await close(vault, grant, { out: 'done', detail: { reason: input.why, type: document.type } })
      return { ...answer, replayed: false }
    }
    throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}

interface Seen {
  readonly document: Document | undefined
  readonly subject: Subject | undefined
}

async function read(vault: Vault, tenant: Tenant, id: DocumentId): Promise<Seen> {
  const found = await vault.ledger.findDocument(tenant.id, id)
  const document = isVisible(found) ? found : undefined
  return { document, subject: document && (await vault.ledger.findSubjectById(tenant.id, document.subject)) }
}

function refuseErasure(
  tenant: Tenant,
  { document, subject }: Seen,
  why: ErasureReason,
  nowMs: number,
): Refusal | undefined {
  if (document?.state !== 'stored') return { code: document ? 'document.purged' : 'document.unknown' }
  if (!subject) return { code: 'document.unknown' }
  if (subject.holds.some(hold => holdsDocument(hold, document.id))) return { code: 'document.held' }
  // A paper that should never have been here, or that a court wants gone, is kept by no term.
  if (why !== 'subject-request') return undefined
  if (!retentionOf(tenant, subject, document)) return { code: 'policy.unknown' }
  const floor = floorOf(tenant, subject, document)
  if (!floor || (floor.endsAtMs !== undefined && nowMs >= floor.endsAtMs)) return undefined
  const law = tenant.bases.get(floor.basis)?.law ?? floor.basis
  const until = floor.endsOn === undefined ? `${floor.years} years after the account is closed` : floor.endsOn
  return { code: 'document.floor', facts: { detail: `Kept until ${until} under ${law}.` } }
}

function givenUp(
  document: StoredDocument,
  subject: Subject,
  { why, decidedBy }: { readonly why: ErasureReason; readonly decidedBy: readonly PersonId[] },
  nowMs: number,
): PurgingDocument {
  const closedAtMs = closedSince(subject)
  return {
    ...document,
    state: 'purging',
    purgingSinceMs: nowMs,
    purge: { kind: 'erasure', basis: why, decidedBy, ...(closedAtMs === undefined ? {} : { closedAtMs }) },
    attempts: 0,
    version: document.version + 1,
  }
}
