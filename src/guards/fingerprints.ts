import type { SubjectId, TenantId } from '../domain/ids.ts'
import type { Vault } from './vault.ts'

const text = new TextEncoder()

/** base64url of SHA-256, computed off the event loop. */
export async function sha256Of(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)
  return Buffer.from(digest).toString('base64url')
}

/**
 * What finds the same file sent twice for one person: HMAC(blind-index key, "vault/fi/1" 00 tenant 00 subject 00 digest) as
 * base64url. It cannot be compared across persons or tenants, nor computed without the key.
 */
export async function uploadMacOf(
  vault: Pick<Vault, 'keyring'>,
  tenant: TenantId,
  subject: SubjectId,
  digest: string,
): Promise<string> {
  const mac = await vault.keyring.mac('blind-index', text.encode(`vault/fi/1\0${tenant}\0${subject}\0${digest}`))
  return Buffer.from(mac.buffer, mac.byteOffset, mac.byteLength).toString('base64url')
}
