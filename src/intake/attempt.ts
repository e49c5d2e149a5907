import type { Caller } from '../domain/caller.ts'
import {
  blobKeyOf,
  type DepositingDocument,
  type Document,
  type StoredDocument,
  wrappedKeyId,
} from '../domain/document.ts'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { DocumentId, ReviewId } from '../domain/ids.ts'
import { documentContext } from '../domain/key-context.ts'
import { limits, type PaperType } from '../domain/media.ts'
import type { Review } from '../domain/review.ts'
import type { Subject } from '../domain/subject.ts'
import type { Tenant } from '../domain/tenant.ts'
import { viewDocument } from '../domain/view.ts'
import { abandonment } from '../guards/abandon.ts'
import { codeOf, settle } from '../guards/admit.ts'
import { edkDigest, uploadMacOf } from '../guards/fingerprints.ts'
import { type Answered, type Claim, doneAnswer, openAnswer } from '../guards/idempotency.ts'
import { hashBody, type SealedBody, seal } from '../guards/seal.ts'
import { newUuid7 } from '../guards/uuid7.ts'
import type { Vault } from '../guards/vault.ts'
import type { Inspected } from './inspect.ts'

type DepositGrant = Grant<'document.deposit'>

/** One attempt to store: new ids, a new data key, a row of its own. */
export interface Attempt {
  readonly document: DepositingDocument
  readonly subject: Subject
  readonly claim: Claim
  readonly inspected: Inspected
  readonly body: SealedBody
}

interface Paper {
  readonly caller: Caller
  readonly tenant: Tenant
  readonly subject: Subject
  readonly type: PaperType
  readonly kind: string
  readonly inspected: Inspected
  /** Of the upload, as `sha256Of` gives it. */
  readonly digest: string
  readonly claim: Claim
}

/** Seals the paper for this subject and finds what tells its upload apart, side by side; nothing is written yet. */
export async function sealFor(vault: Vault, grant: DepositGrant, paper: Paper): Promise<Attempt> {
  const { caller, tenant, subject, type, kind, inspected, digest, claim } = paper
  const id = newUuid7() as DocumentId
  const context = documentContext({ tenant: tenant.id, subject: subject.id, document: id })
  // Both are waited for, whichever fails: whoever lent the bytes may take them back after that.
  const [sealed, mac] = await Promise.allSettled([
    seal(vault, grant, { plaintext: inspected.bytes, context }),
    uploadMacOf(vault, tenant.id, subject.id, digest),
  ])
  if (sealed.status === 'rejected') throw sealed.reason
  if (mac.status === 'rejected') throw mac.reason
  const { value: body } = sealed
  const nowMs = vault.clock.nowMs()
  const document: DepositingDocument = {
    state: 'depositing',
    id,
    tenant: tenant.id,
    subject: subject.id,
    type,
    kind,
    policyVersion: tenant.version,
    depositedBy: caller.id,
    createdAtMs: nowMs,
    version: 1,
    messageId: body.messageId,
    blobKey: blobKeyOf(body.messageId),
    media: inspected.media,
    uploadMac: mac.value,
    deadlineMs: nowMs + limits.deposit.deadlineMs,
    answerKey: claim.key,
  }
  return { document, subject, claim, inspected, body }
}

/**
 * Commits the invisible row, the subject it counts against and the open answer, all or none.
 *
 * @param knownVersion of the subject, 0 to open it
 * @returns false when one of them moved meanwhile, or another upload of the same file was first
 */
export async function announce(
  vault: Vault,
  grant: DepositGrant,
  attempt: Attempt,
  knownVersion: number,
): Promise<boolean> {
  const { document, subject, claim } = attempt
  const committed = await vault.ledger.commit(grant, [
    { row: 'subject', expected: knownVersion, put: subject },
    { row: 'document', expected: 0, put: document },
    openAnswer(claim, document.id, document.deadlineMs),
  ])
  return committed.done
}

/**
 * Judges another upload of the same file for the same subject. One that ran out of time and was not swept yet makes way: the
 * process that made it may be gone, and its client is the likeliest to send the file again.
 *
 * @throws {VaultError} document.duplicate - it is kept
 * @throws {VaultError} ledger.conflict - it is under way, and nobody knows how it will end: safe to send again
 */
export async function makeWay(vault: Vault, grant: DepositGrant, other: Document): Promise<void> {
  if (other.state !== 'depositing') throw new VaultError('document.duplicate')
  if (other.deadlineMs > vault.clock.nowMs()) throw new VaultError('ledger.conflict', { retryAfterSeconds: 5 })
  const { changes } = await abandonment(vault, other)
  // Whoever else was first: what is there then is judged again.
  await vault.ledger.commit(grant, changes)
}

/** Key and bytes, side by side, once the row that names them is durable. Both have ended when it resolves or rejects. */
export async function store(
  vault: Vault,
  grant: DepositGrant,
  { document, body }: Attempt,
  signal: AbortSignal,
): Promise<string> {
  const key = {
    id: wrappedKeyId(document.messageId),
    tenant: document.tenant,
    document: document.id,
    ...body.wrapped,
    createdAtMs: document.createdAtMs,
  }
  const hashing = hashBody(body.parts)
  const [hash, ...puts] = await Promise.allSettled([
    hashing,
    vault.wrappedKeys.put(grant, key),
    vault.blobs.put(grant, document.blobKey, body.parts, signal, hashing),
  ])
  for (const put of puts) {
    if (put.status === 'rejected') throw put.reason
    if (put.value === 'exists') throw new VaultError('blobs.exists')
  }
  if (hash.status === 'rejected') throw hash.reason
  return hash.value
}

/**
 * The outcome, then the one commit that makes the document exist, conditional on the sweep not having taken the row.
 *
 * @throws {VaultError} ledger.conflict - the sweep was first; nothing is kept
 */
export async function publish(
  vault: Vault,
  grant: DepositGrant,
  attempt: Attempt,
  bodySha256: string,
): Promise<Answered> {
  const { document, subject, claim, inspected, body } = attempt
  const settlement = await settle(vault, grant, {
    out: 'done',
    subject: subject.id,
    document: document.id,
    detail: {
      type: document.type,
      kind: document.kind,
      media: document.media,
      policy: document.policyVersion,
      epoch: body.wrapped.epoch,
      keySha256: edkDigest(body.wrapped.edks),
      commitKey: body.sealed.commitKey,
      bodySha256,
      p: body.sealed.plaintextBytes,
      f: body.sealed.frameBytes,
    },
  })
  const { deadlineMs: _, answerKey: __, ...kept } = document
  const nowMs = vault.clock.nowMs()
  const stored: StoredDocument = {
    ...kept,
    ...body.sealed,
    bodySha256,
    state: 'stored',
    version: 2,
    storedAtMs: nowMs,
    ...(inspected.pixels ? { pixels: inspected.pixels } : {}),
    ...(inspected.pages === undefined ? {} : { pages: inspected.pages }),
    trail: settlement.outcome,
  }
  const review: Review = {
    id: newUuid7() as ReviewId,
    tenant: document.tenant,
    document: document.id,
    subject: subject.id,
    state: 'pending',
    createdAtMs: nowMs,
    version: 1,
  }
  const answer = {
    status: 201,
    location: `/v1/documents/${document.id}`,
    body: JSON.stringify(viewDocument(stored, subject, review)),
  }
  const committed = await vault.ledger.commit(settlement, [
    { row: 'document', expected: 1, put: stored },
    { row: 'review', expected: 0, put: review },
    doneAnswer(claim, answer, nowMs, claim.replaces + 1, { document: document.id }),
  ])
  if (!committed.done) throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
  return { ...answer, replayed: false }
}

/** Gives the row to the sweep and frees the idempotency key, if the ledger still answers; the deadline does it otherwise. */
export async function abandon(vault: Vault, grant: DepositGrant, { document, claim }: Attempt): Promise<void> {
  const { deadlineMs: _, answerKey: __, ...kept } = document
  try {
    await vault.ledger.commit(grant, [
      {
        row: 'document',
        expected: 1,
        put: { ...kept, state: 'abandoned', abandonedAtMs: vault.clock.nowMs(), version: 2 },
      },
      { row: 'answer', expected: claim.replaces + 1, forget: { key: claim.key } },
    ])
  } catch (error) {
    vault.log.warn('deposit left to its deadline', { code: codeOf(error) })
  }
}
