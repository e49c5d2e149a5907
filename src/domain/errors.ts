/**
 * The one error that crosses a room. `code` is from the closed list below and is the public, stable name of the
 * failure; status codes are known to `http/problem.ts` alone.
 */
export const errorCodes = [
  // the request itself
  'request.malformed',
  'request.not-found',
  'request.method-not-allowed',
  'request.misdirected',
  'request.timeout',
  'request.headers-too-large',
  'body.malformed',
  'body.duplicate-key',
  'body.too-large',
  'body.truncated',
  'body.media-type',
  'field.unknown',
  'field.invalid',
  'cursor.invalid',
  'multipart.malformed',
  'multipart.order',
  'multipart.parts',
  'idempotency.missing',
  'idempotency.in-flight',
  'idempotency.conflict',
  // who asks, and for what
  'credential.missing',
  'credential.invalid',
  'role.not-allowed',
  'role.not-assigned',
  'role.not-own',
  'role.second-person',
  'purpose.missing',
  'purpose.not-allowed',
  'case.missing',
  'case.not-same',
  'tenant.rule',
  'budget.reads',
  'budget.denials',
  'capacity.no-slot',
  // papers
  'paper.type-not-allowed',
  'paper.kind-not-allowed',
  'paper.tier-too-low',
  'paper.quota',
  'file.empty',
  'file.too-large',
  'file.type-not-accepted',
  'file.broken',
  'file.pixels',
  'file.frames',
  'file.pages',
  'file.encrypted',
  'file.active',
  'file.too-complex',
  'document.unknown',
  'document.purged',
  'document.duplicate',
  'document.restricted',
  'range.not-satisfiable',
  'rendition.not-offered',
  // subjects, reviews, callers
  'subject.unknown',
  'event.contradictory',
  'event.not-offered',
  'review.unknown',
  'review.taken',
  'review.final',
  'review.open',
  'review.same',
  'review.not-yours',
  'review.too-many',
  'review.reason',
  'caller.unknown',
  'caller.exists',
  // retention, holds, purge, approvals
  'tenant.inactive',
  'subject.closed',
  'hold.unknown',
  'hold.exists',
  'hold.ended',
  'hold.too-many',
  'hold.kind',
  'hold.too-late',
  'document.held',
  'document.floor',
  'document.not-destroyed',
  'policy.unknown',
  'purge.unknown',
  'purge.state',
  'purge.stale',
  'purge.over-cap',
  'purge.clock',
  'purge.same-person',
  'approval.unknown',
  'approval.pending',
  'approval.ended',
  'approval.other',
  'approval.own',
  'approval.voted',
  'vault.restored',
  'trail.range',
  // what the vault stands on
  'trail.unavailable',
  'trail.diverged',
  'ledger.unavailable',
  'ledger.conflict',
  'keys.unavailable',
  'issuer.unavailable',
  'keys.refused',
  'keys.rotating',
  'blobs.unavailable',
  'blobs.exists',
  'blobs.missing',
  'storage.full',
  'seal.broken',
  'grant.spent',
  'effect.withheld',
  'vault.stopping',
  'config.invalid',
  'unexpected',
] as const
export type ErrorCode = (typeof errorCodes)[number]

/** Allow-listed facts: numbers, codes and opaque ids only. Never a name, a file name, a reference or bytes. */
export interface Facts {
  readonly limit?: number
  readonly actual?: number
  readonly field?: string
  readonly allowed?: readonly string[]
  readonly detail?: string
  readonly retryAfterSeconds?: number
  readonly page?: number
  readonly sizeBytes?: number
  /** Path of the certificate of what was destroyed. */
  readonly certificate?: string
  readonly problems?: readonly { readonly field: string; readonly message: string }[]
}

/** What every room throws to the next one: a code, facts that may be told, and what caused it. */
export class VaultError extends Error {
  readonly code: ErrorCode
  readonly facts: Facts

  /** @param cause what an adapter caught; kept for the operator's log by class name and code only, never sent. */
  constructor(code: ErrorCode, facts: Facts = {}, cause?: unknown) {
    super(code, cause === undefined ? undefined : { cause })
    this.name = 'VaultError'
    this.code = code
    this.facts = facts
  }
}

/** True for failures of what the vault stands on: the caller may retry, nothing about the request was wrong. */
export function isUnavailable(code: ErrorCode): boolean {
  return (
    code.endsWith('.unavailable') || code === 'storage.full' || code === 'vault.stopping' || code === 'trail.diverged'
  )
}
