import type { Answer } from '../domain/answer.ts'
import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { DocumentId, TenantId } from '../domain/ids.ts'
import { limits } from '../domain/media.ts'
import type { Change } from '../ports/ledger.ts'
import type { Vault } from './vault.ts'

/** What a creating POST sends: method and concrete path, and the client's own key. */
export interface Idempotency {
  readonly scope: string
  readonly key: string
}

/** An answer ready to be sent, and to be sent again. */
export interface Answered {
  readonly status: number
  readonly location?: string
  /** JSON. */
  readonly body: string
  readonly replayed: boolean
}

/** One request's claim on its idempotency key. */
export interface Claim {
  readonly key: string
  readonly tenant: TenantId
  readonly fingerprint: string
  /** The row that is there and may be replaced: expired. */
  readonly replaces: number
}

const text = new TextEncoder()

/** base64url of HMAC(door key, label 00 part 00 part …); parts hold no NUL, so the joining is injective. */
export async function keyedHash(
  vault: Pick<Vault, 'keyring'>,
  label: string,
  parts: readonly string[],
): Promise<string> {
  const mac = await vault.keyring.mac('door', text.encode([label, ...parts].join('\0')))
  return Buffer.from(mac.buffer, mac.byteOffset, mac.byteLength).toString('base64url')
}

/** The unique row key of (tenant, principal, method, concrete path, client's key). */
export function answerKeyOf(
  vault: Pick<Vault, 'keyring'>,
  caller: Caller,
  { scope, key }: Idempotency,
): Promise<string> {
  return keyedHash(vault, 'vault/answer/1', [caller.tenant ?? '', caller.id, scope, key])
}

/**
 * Looks the key up: a replay, or a claim that `openAnswer` or `doneAnswer` turns into a row.
 *
 * @throws {VaultError} idempotency.conflict - the key was used with another payload
 * @throws {VaultError} idempotency.in-flight - the first attempt is still under way
 */
export async function recall(
  vault: Pick<Vault, 'ledger' | 'clock'>,
  tenant: TenantId,
  key: string,
  fingerprint: string,
): Promise<{ readonly replay: Answered } | { readonly claim: Claim }> {
  const row = await vault.ledger.findAnswer(key)
  if (!row) return { claim: newClaim(tenant, key, fingerprint) }
  if (row.expiresAtMs <= vault.clock.nowMs()) return { claim: { key, tenant, fingerprint, replaces: row.version } }
  if (row.fingerprint !== fingerprint) throw new VaultError('idempotency.conflict')
  const replay = replayOf(row)
  if (!replay) throw new VaultError('idempotency.in-flight', { retryAfterSeconds: 5 })
  return { replay }
}

/** The claim of a request whose key was seen to be free: if it is not any more, the commit that makes its row conflicts. */
export function newClaim(tenant: TenantId, key: string, fingerprint: string): Claim {
  return { key, tenant, fingerprint, replaces: 0 }
}

/** Whether the row answers the very same request already, so that asking again has no effect. */
export function isRepeated(row: Answer | undefined, fingerprint: string, nowMs: number): boolean {
  return row?.state === 'done' && row.fingerprint === fingerprint && row.expiresAtMs > nowMs
}

function replayOf(row: Answer): Answered | undefined {
  if (row.state !== 'done' || row.body === undefined || row.status === undefined) return undefined
  const location = row.location === undefined ? {} : { location: row.location }
  return { status: row.status, ...location, body: row.body, replayed: true }
}

/** The row while a deposit is under way; it ends with the deposit's deadline unless `doneAnswer` replaces it. */
export function openAnswer(claim: Claim, document: DocumentId, deadlineMs: number): Change {
  const { key, tenant, fingerprint, replaces } = claim
  const version = replaces + 1
  const put: Answer = { key, tenant, fingerprint, state: 'open', document, expiresAtMs: deadlineMs, version }
  return { row: 'answer', expected: replaces, put }
}

/**
 * The row that replays `answer` for seven days. `expected` is the version it replaces: the claim's, or the open row's. It is
 * erased earlier with the document, or the last of the subject, that it is `about`.
 */
export function doneAnswer(
  claim: Claim,
  answer: Omit<Answered, 'replayed'>,
  nowMs: number,
  expected = claim.replaces,
  about: Pick<Answer, 'document' | 'subject'> = {},
): Change {
  const { key, tenant, fingerprint } = claim
  const put: Answer = {
    key,
    tenant,
    fingerprint,
    state: 'done',
    ...about,
    body: answer.body,
    status: answer.status,
    ...(answer.location === undefined ? {} : { location: answer.location }),
    expiresAtMs: nowMs + limits.idempotency.keptMs,
    version: expected + 1,
  }
  return { row: 'answer', expected, put }
}
