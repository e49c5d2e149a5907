import { hkdfSync } from 'node:crypto'

const suite = Buffer.from([0x04, 0x78])
const deriveLabel = Buffer.concat([suite, Buffer.from('DERIVEKEY', 'ascii')])
const commitLabel = Buffer.from('COMMITKEY', 'ascii')

/** What one data key and one message id give. */
export interface MessageKeys {
  /** 32 bytes, secret; in a buffer of its own, so that whoever asked can wipe it. */
  readonly contentKey: Buffer
  /** 32 bytes, public: names the one data key that opens the message. */
  readonly commitKey: Buffer
}

/**
 * The two keys of a message: HKDF-SHA-512 of the data key, salted with the message id.
 *
 * @param dataKey 32 bytes
 * @param messageId 32 bytes
 * @source AWS Encryption SDK algorithm suite 0x0478; RFC 5869
 */
export function deriveKeys(dataKey: Uint8Array, messageId: Uint8Array): MessageKeys {
  return {
    contentKey: Buffer.from(hkdfSync('sha512', dataKey, messageId, deriveLabel, 32)),
    commitKey: Buffer.from(hkdfSync('sha512', dataKey, messageId, commitLabel, 32)),
  }
}
