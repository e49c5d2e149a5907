import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { type KeyContext, serializeContext } from '../domain/key-context.ts'
import type { EncryptedDataKey } from '../ports/wrapped-keys.ts'
import type { FileKey } from './keyfile-format.ts'

const provider = 'vault'
const ivBytes = 12
const tagBytes = 16

/**
 * Wraps as the Raw AES keyring of the AWS Encryption SDK does: provider `vault`, info = key id || uint32 128 || uint32 12 || IV,
 * blob = AES-256-GCM ciphertext || tag, AAD = the serialized context.
 *
 * @param dataKey 32 bytes, left to the caller to wipe
 */
export function wrapWith(key: FileKey, dataKey: Uint8Array, context: KeyContext): EncryptedDataKey {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', key.material, iv, { authTagLength: tagBytes })
  cipher.setAAD(serializeContext(context))
  const blob = Buffer.concat([cipher.update(dataKey), cipher.final(), cipher.getAuthTag()])
  return { provider, info: infoOf(key, iv), blob }
}

/** @returns the data key in a buffer of its own, or undefined where it is not authentic under this key and context */
export function unwrapWith(
  key: FileKey,
  { info, blob }: EncryptedDataKey,
  context: KeyContext,
): Uint8Array | undefined {
  if (blob.byteLength !== 32 + tagBytes) return undefined
  const iv = info.subarray(info.byteLength - ivBytes)
  const decipher = createDecipheriv('aes-256-gcm', key.material, iv, { authTagLength: tagBytes })
  decipher.setAAD(serializeContext(context)).setAuthTag(blob.subarray(32))
  const opened = decipher.update(blob.subarray(0, 32))
  try {
    decipher.final()
    // A buffer of its own, since whoever asked wipes it: small buffers share Node's pool.
    return new Uint8Array(opened)
  } catch {
    // Not authentic under this key and context: another edk may be, and the caller refuses when none is.
    return undefined
  } finally {
    opened.fill(0)
  }
}

/** The key id in an info field that has this ring's shape, or undefined. */
export function keyIdOf({ provider: by, info }: EncryptedDataKey): string | undefined {
  const at = info.byteLength - ivBytes - 8
  if (by !== provider || at < 1) return undefined
  const view = new DataView(info.buffer, info.byteOffset, info.byteLength)
  if (view.getUint32(at) !== tagBytes * 8 || view.getUint32(at + 4) !== ivBytes) return undefined
  return Buffer.from(info.subarray(0, at)).toString('latin1')
}

function infoOf(key: FileKey, iv: Buffer): Buffer {
  const lengths = Buffer.alloc(8)
  lengths.writeUInt32BE(tagBytes * 8, 0)
  lengths.writeUInt32BE(ivBytes, 4)
  return Buffer.concat([Buffer.from(key.id), lengths, iv])
}
