import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { SubjectId, SubjectReference, TenantId } from '../domain/ids.ts'
import { limits, type PaperType } from '../domain/media.ts'
import { closedSince, countUpload, newSubject, type Subject } from '../domain/subject.ts'
import { isActive, refusePaper, type Tenant } from '../domain/tenant.ts'
import { admit, close, codeOf, isLive, type Refusal } from '../guards/admit.ts'
import { sha256Of } from '../guards/fingerprints.ts'
import {
  type Answered,
  answerKeyOf,
  type Claim,
  type Idempotency,
  keyedHash,
  newClaim,
  recall,
} from '../guards/idempotency.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'
import { type Attempt, abandon, announce, makeWay, publish, sealFor, store } from './attempt.ts'
import { type Inspected, inspect } from './inspect.ts'

/** Uploads of one person at the same time count against one quota, so each may have to try again. */
const mostTries = 2 * limits.uploadsPerSubjectAndDay
/** What was seen of a subject is not looked up again for so long: most people send one paper at a time. */
const freshMs = 250

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
  const seen = subject && { subject, atMs: vault.clock.nowMs() }
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
    const first = earlier ? await recall(vault, tenant.id, key, fingerprint) : undefined
    if (first && 'replay' in first) return await replayed(vault, grant, first.replay)
    const claim = first?.claim ?? newClaim(tenant.id, key, fingerprint)
    const inspected = await (early ?? looking())
    const begun = await begin(vault, caller, grant, { tenant, input, inspected, digest, claim, seen, signal })
    if ('replay' in begun) return await replayed(vault, grant, begun.replay)
    attempt = begun
    const bodySha256 = await store(vault, grant, attempt, signal)
    signal.throwIfAborted()
    return await publish(vault, grant, attempt, bodySha256)
  } catch (error) {
    const failure = signal.aborted ? abortFailure(signal) : error
    await giveUp(vault, grant, attempt, failure, signal.aborted)
    throw failure
  }
}

async function replayed(vault: Vault, grant: Grant<'document.deposit'>, replay: Answered): Promise<Answered> {
  await close(vault, grant, { out: 'done', why: 'replayed' })
  return replay
}

interface Beginning {
  readonly tenant: Tenant
  readonly input: DepositInput
  readonly inspected: Inspected
  readonly digest: string
  readonly claim: Claim
  /** At admission; absent while nobody knew the subject. */
  readonly seen: { readonly subject: Subject; readonly atMs: number } | undefined
  readonly signal: AbortSignal
}

/**
 * Seals, and commits subject, invisible row and open answer together. The conditions of the commit stand for a look at each; when
 * one of them moved meanwhile, or another upload of the same file was first, it looks, and tries again.
 *
 * @returns the attempt, or what another request with the same key has answered meanwhile
 */
async function begin(
  vault: Vault,
  caller: Caller,
  grant: Grant<'document.deposit'>,
  { tenant, input, inspected, digest, claim: first, seen, signal }: Beginning,
): Promise<Attempt | { readonly replay: Answered }> {
  let attempt: Attempt | undefined
  for (let tries = 0; tries < mostTries; tries++) {
    signal.throwIfAborted()
    const nowMs = vault.clock.nowMs()
    const isFresh = tries === 0 && seen !== undefined && nowMs - seen.atMs < freshMs
    const known = isFresh ? seen.subject : await vault.ledger.findSubject(tenant.id, input.reference)
    const again = tries > 0 ? await recall(vault, tenant.id, first.key, first.fingerprint) : { claim: first }
    if ('replay' in again) return again
    const { claim } = again
    const subject = countedSubject(
      known ?? freshSubject(caller, tenant.id, input.reference, nowMs),
      tenant,
      input,
      nowMs,
    )
    if (attempt?.document.subject !== subject.id) {
      const { type, kind } = input
      attempt = await sealFor(vault, grant, { caller, tenant, subject, type, kind, inspected, digest, claim })
    }
    const other = tries > 0 && (await vault.ledger.findUpload(tenant.id, subject.id, attempt.document.uploadMac))
    if (other) {
      await makeWay(vault, grant, other)
      continue
    }
    attempt = { ...attempt, claim, subject }
    if (await announce(vault, grant, attempt, known?.version ?? 0)) return attempt
    if (tries > 0) await vault.clock.sleep(Math.random() * 4 * tries)
  }
  throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
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
