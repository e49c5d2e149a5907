import type { CaseReference, PersonId, TenantId } from './ids.ts'
import type { Role } from './role.ts'

/** Who asks. Tenant and roles come from the credential, never from path or body. */
export interface Caller {
  readonly kind: 'person' | 'service' | 'job'
  readonly id: PersonId
  /** Absent for the vault's own jobs and for its start and stop, whose entries go to the log `_vault`. */
  readonly tenant: TenantId | undefined
  readonly roles: readonly Role[]
  readonly auth: 'oidc' | 'key' | 'system'
  /** Which key or token it was, opaque; two keys of one person share `id`. */
  readonly credential: string
  readonly requestId: string
}

/** What a read is for; both are in its entry. */
export interface Reason {
  readonly purpose: string | undefined
  readonly case: CaseReference | undefined
}

/** An API key as kept: only a keyed hash of the secret. */
export interface ApiKey {
  /** `[a-z0-9]{16}`, the clear part of `kv_<keyId>_<secret>`. */
  readonly keyId: string
  readonly tenant: TenantId
  readonly person: PersonId
  readonly kind: 'person' | 'service'
  readonly roles: readonly Role[]
  /** base64url of HMAC-SHA-256(door key, "vault/api-key/1" 00 keyId 00 secret). */
  readonly secretMac: string
  readonly createdAtMs: number
  readonly revokedAtMs?: number
  readonly version: number
}

/** The bytes whose keyed hash an API key is stored as: "vault/api-key/1" 00 keyId 00 secret. */
export function apiKeyMacMessage(keyId: string, secret: string): Uint8Array {
  return new TextEncoder().encode(`vault/api-key/1\0${keyId}\0${secret}`)
}

/** `kv_<keyId>_<secret>`: 16 characters of `[a-z0-9]` and 43 of base64url (32 random bytes). */
export const apiKeyPattern = /^kv_([a-z0-9]{16})_([A-Za-z0-9_-]{43})$/
