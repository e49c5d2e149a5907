import { createHash } from 'node:crypto'
import type { SubjectId, TenantId } from '../domain/ids.ts'
import type { EncryptedDataKey } from '../ports/wrapped-keys.ts'
import { Turns } from './turns.ts'
import type { Vault } from './vault.ts'

const text = new TextEncoder()

/** One piece takes some 50 µs. */
const pieceBytes = 65_536
const sliceMs = 0.4

/**
 * base64url of SHA-256. It shares the event loop; a thread of its own would be handed a copy, whose garbage costs more than the
 * turns do.
 */
export async function sha256Of(bytes: Uint8Array): Promise<string> {
  const hash = createHash('sha256')
  const turns = new Turns(sliceMs)
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    if (turns.due()) await turns.take()
    hash.update(bytes.subarray(at, at + pieceBytes))
  }
  return hash.digest('base64url')
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

/**
 * base64 of SHA-256 over the encrypted data keys of one document, each as provider, info and blob with their lengths before
 * them: in the storing entry it shows that a wrapped key is still the one that was stored, without opening it.
 */
export function edkDigest(edks: readonly EncryptedDataKey[]): string {
  const hash = createHash('sha256')
  for (const { provider, info, blob } of edks) {
    for (const part of [Buffer.from(provider, 'utf8'), info, blob]) {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(part.length)
      hash.update(length).update(part)
    }
  }
  return hash.digest('base64')
}

/**
 * base64url of SHA-256 over the name of a wrapped key and, after its 00, over the digest of its encrypted data keys: one of these
 * in an entry tells of exactly this key of this document, and of no other's.
 */
export function rewrapDigest(id: string, edks: readonly EncryptedDataKey[]): string {
  return createHash('sha256')
    .update(`${id}\0${edkDigest(edks)}`)
    .digest('base64url')
}

/** base64 of SHA-256 over a body that is read, not held. */
export async function hashOfStream(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of chunks) hash.update(chunk)
  return hash.digest('base64')
}
