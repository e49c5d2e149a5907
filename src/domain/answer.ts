import type { DocumentId, SubjectId, TenantId } from './ids.ts'

/**
 * The idempotency row of a creating POST. It is inserted in the same commit as the effect that it answers for, so one
 * key has one effect; it is `open` only while a deposit is under way.
 */
export interface Answer {
  /** base64url keyed hash of tenant, principal, method, concrete path and the client's key: unique. */
  readonly key: string
  readonly tenant: TenantId
  /** base64url keyed hash of fields and file. */
  readonly fingerprint: string
  readonly state: 'open' | 'done'
  /** The document that it answers for: erased with it. */
  readonly document?: DocumentId
  /** The subject whose event it answers for: erased with the last that is kept of them. */
  readonly subject?: SubjectId
  /** JSON of the first answer's body; only with `done`. */
  readonly body?: string
  readonly status?: number
  readonly location?: string
  readonly expiresAtMs: number
  readonly version: number
}
