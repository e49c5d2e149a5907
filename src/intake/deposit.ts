import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { SubjectId, SubjectReference, TenantId } from '../domain/ids.ts'
import { limits, type PaperType } from '../domain/media.ts'
import { closedSince, countUpload, newSubject, type Subject } from '../domain/subject.ts'
import { isActive, refusePaper, type Tenant } from '../domain/tenant.ts'
import { admit, close, codeOf, isLive, type Refusal } from '../guards/admit.ts'
import { sha256Of, uploadMacOf } from '../guards/fingerprints.ts'
import { type Answered, answerKeyOf, type Claim, type Idempotency, keyedHash, recall } from '../guards/idempotency.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'
import { type Attempt, abandon, announce, makeWay, publish, sealFor, store } from './attempt.ts'
import { type Inspected, inspect } from './inspect.ts'

/** Uploads of one person at the same time count against one quota, so each may have to try again. */
const mostTries = 2 * limits.uploadsPerSubjectAndDay

export interface DepositInput {
  readonly reference: SubjectReference
  readonly type: PaperType
  readonly kind: string
  readonly idempotency: Idempotency
  /**
   * Called once, only after the intent is durable; resolves with the whole unverified file in memory.
   * Its buffer may be reused by its owner once the deposit has ended.
   */
  readonly collect: (signal: AbortSignal) => Promise<Uint8Array>
  /** Aborted with a VaultError when the client is gone, stalls or takes too long. */
  readonly signal: AbortSignal
}

/**
 * Takes one paper: decided and on record before the file is read, inspected, normalised, sealed under a key of its own, and
 * visible only once key, bytes and outcome are durable. A first upload opens an unknown subject.
 *
 * @returns 201 with the document's view and location, or the first answer again for a repeated idempotency key
 * @throws {VaultError} tenant.inactive - the tenant lacks a legal basis, a jurisdiction or a licence
 * @throws {VaultError} paper.* - the tenant's promises, the subject's tier or the day's quota refuse it
 * @throws {VaultError} subject.closed - the account was closed; one that began before is finished
 * @throws {VaultError} file.* - what the file is refuses it
 * @throws {VaultError} document.duplicate - the same file is kept for this subject already
 * @throws {VaultError} idempotency.in-flight, idempotency.conflict - the key is in use
 * @throws {VaultError} *.unavailable, storage.full, ledger.conflict - nothing was kept; safe to send again
 */
export async function deposit(vault: Vault, caller: Caller, input: DepositInput): Promise<Answered> {
  const tenant = tenantOf(vault, caller)
  const key = await answerKeyOf(vault, caller, input.idempotency)
  const [subject, earlier] = await Promise.all([
    vault.ledger.findSubject(tenant.id, input.reference),
    vault.ledger.findAnswer(key),
  ])
  const { grant } = await admit(vault, caller, {
    action: 'document.deposit',
    resource: { known: true },
    ...(subject ? { subject: subject.id } : {}),
    detail: { type: input.type },
    // A repeated request is judged by its first answer, not by today's quota.
    refuse: () => (earlier ? undefined : refuseDeposit(tenant, input, subject, vault.clock.nowMs())),
  })
  const signal = AbortSignal.any([input.signal, AbortSignal.timeout(limits.deposit.abortAfterMs)])
  let attempt: Attempt | undefined
  try {
    const unverified = await input.collect(signal)
    const looking = () => inspect(vault, { unverified, type: input.type, signal })
    // Looked at while it is hashed, but where the key was used before: a replay shall not cost an inspection.
    const early = earlier ? undefined : settled(looking())
    const digest = await sha256Of(unverified)
    const fingerprint = await keyedHash(vault, 'vault/deposit/1', [input.reference, input.type, input.kind, digest])
    const first = await recall(vault, tenant.id, key, fingerprint)
    if ('replay' in first) {
      // Whoever lent the bytes takes them back when this ends.
      await early?.catch(() => undefined)
      await close(vault, grant, { out: 'done', why: 'replayed' })
      return first.replay
    }
    const inspected = await (early ?? looking())
    const { claim } = first
    attempt = await begin(vault, caller, grant, { tenant, input, inspected, digest, claim, signal })
    const bodySha256 = await store(vault, grant, attempt, signal)
    signal.throwIfAborted()
    return await publish(vault, grant, attempt, bodySha256)
  } catch (error) {
    const failure = signal.aborted ? abortFailure(signal) : error
    await giveUp(vault, grant, attempt, failure, signal.aborted)
    throw failure
  }
}

interface Beginning {
  readonly tenant: Tenant
  readonly input: DepositInput
  readonly inspected: Inspected
  readonly digest: string
  readonly claim: Claim
  readonly signal: AbortSignal
}

/**
 * Seals, and commits subject, invisible row and open answer together. The conditions of the commit stand for a look at each; when
 * one of them moved meanwhile, or another upload of the same file was first, it looks, and tries again.
 */
async function begin(
  vault: Vault,
  caller: Caller,
  grant: Grant<'document.deposit'>,
  { tenant, input, inspected, digest, claim: first, signal }: Beginning,
): Promise<Attempt> {
  let attempt: Attempt | undefined
  for (let tries = 0; tries < mostTries; tries++) {
    signal.throwIfAborted()
    const nowMs = vault.clock.nowMs()
    const known = await vault.ledger.findSubject(tenant.id, input.reference)
    const subject = countedSubject(
      known ?? freshSubject(caller, tenant.id, input.reference, nowMs),
      tenant,
      input,
      nowMs,
    )
    const uploadMac = await uploadMacOf(vault, tenant.id, subject.id, digest)
    const other = tries > 0 && (await vault.ledger.findUpload(tenant.id, subject.id, uploadMac))
    if (other) {
      await makeWay(vault, grant, other)
      continue
    }
    const claim = tries > 0 ? await claimOf(vault, first) : first
    if (attempt?.document.subject !== subject.id) {
      attempt = await sealFor(vault, grant, {
        caller,
        tenant,
        subject,
        type: input.type,
        kind: input.kind,
        inspected,
        uploadMac,
        claim,
      })
    }
    attempt = { ...attempt, claim, subject }
    if (await announce(vault, grant, attempt, known?.version ?? 0)) return attempt
    await vault.clock.sleep(Math.random() * 4 * tries)
  }
  throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
}

async function claimOf(vault: Vault, { tenant, key, fingerprint }: Claim): Promise<Claim> {
  const known = await recall(vault, tenant, key, fingerprint)
  if ('claim' in known) return known.claim
  // The other request with this key finished while this one was being inspected: its answer is replayed on the next try.
  throw new VaultError('idempotency.in-flight', { retryAfterSeconds: 1 })
}

/** The same promise; its failure is met when it is awaited, and is no unhandled rejection if something else fails first. */
function settled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}

function countedSubject(subject: Subject, tenant: Tenant, input: DepositInput, nowMs: number): Subject {
  const refusal = refuseDeposit(tenant, input, subject, nowMs)
  if (refusal) throw new VaultError(refusal.code, refusal.facts)
  return countUpload(subject, dayOf(nowMs), limits.uploadsPerSubjectAndDay) ?? subject
}

function refuseDeposit(
  tenant: Tenant,
  input: DepositInput,
  subject: Subject | undefined,
  nowMs: number,
): Refusal | undefined {
  if (!isActive(tenant)) return { code: 'tenant.inactive' }
  const refused = refusePaper(tenant, input.type, input.kind, subject?.tier ?? 0)
  if (refused) {
    const { code, ...facts } = refused
    return { code, facts }
  }
  if (subject && closedSince(subject) !== undefined) return { code: 'subject.closed' }
  const quota = limits.uploadsPerSubjectAndDay
  if (!subject || countUpload(subject, dayOf(nowMs), quota)) return undefined
  return { code: 'paper.quota', facts: { limit: quota, retryAfterSeconds: secondsToMidnight(nowMs) } }
}

function freshSubject(caller: Caller, tenant: TenantId, reference: SubjectReference, nowMs: number): Subject {
  const id = crypto.randomUUID() as SubjectId
  return newSubject({ id, tenant, reference, openedBy: caller.id, openedAtMs: nowMs })
}

const dayMs = 86_400_000
const dayOf = (nowMs: number): string => new Date(nowMs).toISOString().slice(0, 10)
const secondsToMidnight = (nowMs: number): number => Math.ceil((dayMs - (nowMs % dayMs)) / 1_000)

/** What ended an aborted deposit: the door's own reason, or the deadline of the attempt. */
function abortFailure(signal: AbortSignal): VaultError {
  return signal.reason instanceof VaultError ? signal.reason : new VaultError('request.timeout', {}, signal.reason)
}

/** Frees the idempotency key at once where that is possible; key and blob are left to the sweep, which the row tells. */
async function giveUp(
  vault: Vault,
  grant: Grant<'document.deposit'>,
  attempt: Attempt | undefined,
  failure: unknown,
  aborted: boolean,
): Promise<void> {
  if (!isLive(grant)) return
  if (attempt) await abandon(vault, grant, attempt)
  await close(vault, grant, { out: aborted ? 'broken' : 'error', why: codeOf(failure) }, failure)
}
