import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { VaultError } from '../../src/domain/errors.ts'
import { type KeyContext, serializeContext } from '../../src/domain/key-context.ts'
import type { DataKey, Keyring } from '../../src/ports/keyring.ts'
import type { EncryptedDataKey } from '../../src/ports/wrapped-keys.ts'

/** Opens a data key that any raw AES keyring wrapped; throws when it is another key or context. */
export function unwrapRaw(edk: EncryptedDataKey, wrappingKey: Uint8Array, context: KeyContext): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', wrappingKey, edk.info.subarray(-12), { authTagLength: 16 })
  decipher.setAAD(serializeContext(context))
  decipher.setAuthTag(edk.blob.subarray(-16))
  return Buffer.concat([decipher.update(edk.blob.subarray(0, -16)), decipher.final()])
}

/** A raw AES keyring with one key of its own, so that a test can look at every data key that it gave. */
export class RawAesKeyring implements Pick<Keyring, 'newDataKey' | 'unwrap'> {
  readonly #wrappingKey = randomBytes(32)
  readonly given: Uint8Array[] = []

  newDataKey(_by: unknown, context: KeyContext): Promise<DataKey> {
    const plaintextKey = randomBytes(32)
    const iv = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', this.#wrappingKey, iv, { authTagLength: 16 })
    cipher.setAAD(serializeContext(context))
    const blob = Buffer.concat([cipher.update(plaintextKey), cipher.final(), cipher.getAuthTag()])
    const info = Buffer.concat([Buffer.from('docs/1'), Buffer.from([0, 0, 0, 128, 0, 0, 0, 12]), iv])
    this.given.push(plaintextKey)
    return Promise.resolve({ plaintextKey, edks: [{ provider: 'vault', info, blob }], epoch: 'docs/1' })
  }

  unwrap(_by: unknown, edks: readonly EncryptedDataKey[], context: KeyContext): Promise<Uint8Array> {
    for (const edk of edks) {
      try {
        const key = unwrapRaw(edk, this.#wrappingKey, context)
        this.given.push(key)
        return Promise.resolve(key)
      } catch {}
    }
    return Promise.reject(new VaultError('keys.refused'))
  }
}
