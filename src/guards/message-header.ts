import { createCipheriv, randomBytes } from 'node:crypto'
import { type KeyContext, serializeContext } from '../domain/key-context.ts'
import type { EncryptedDataKey } from '../ports/wrapped-keys.ts'
import { ivBytes, tagBytes } from './frames.ts'
import type { MessageKeys } from './key-derivation.ts'

/** What a header says; the body's frames follow it. */
export interface MessageHeader {
  /** 32 bytes. */
  readonly messageId: Uint8Array
  readonly context: KeyContext
  /** At least one; any of them opens the message. */
  readonly edks: readonly EncryptedDataKey[]
  readonly frameBytes: number
}

/**
 * The header that makes a sealed body a message which every AWS Encryption SDK opens. Big-endian:
 * `02 0478 messageId(32) contextLength(2) context edkCount(2)`, per wrapped key `length(2) provider length(2) info length(2)
 * blob`, then `02 frameBytes(4) commitKey(32) tag(16)`. The tag is that of AES-256-GCM over nothing, under the content key
 * and a nonce of zeros that no frame has (their counter begins at 1), with all bytes before it as AAD.
 *
 * @source AWS Encryption SDK message format reference, version 2, algorithm suite 0x0478
 */
export function buildHeader(header: MessageHeader, keys: MessageKeys): Buffer {
  const bytes = Buffer.concat([
    Buffer.from([0x02, 0x04, 0x78]),
    header.messageId,
    field(serializeContext(header.context)),
    uint16(header.edks.length),
    ...header.edks.flatMap(({ provider, info, blob }) => [
      field(Buffer.from(provider, 'utf8')),
      field(info),
      field(blob),
    ]),
    Buffer.from([0x02]),
    uint32(header.frameBytes),
    keys.commitKey,
  ])
  const cipher = createCipheriv('aes-256-gcm', keys.contentKey, Buffer.alloc(ivBytes), { authTagLength: tagBytes })
  cipher.setAAD(bytes)
  cipher.final()
  return Buffer.concat([bytes, cipher.getAuthTag()])
}

/** A wrapping key that somebody outside holds: AES-256, under the names that their raw AES keyring gives it. */
export interface Recipient {
  /** `[A-Za-z0-9._:/-]{1,64}`, not beginning with `aws-kms`, which is reserved. */
  readonly namespace: string
  /** Same form. */
  readonly keyName: string
  /** 32 bytes; stays its owner's to wipe. */
  readonly wrappingKey: Uint8Array
}

const recipientName = /^(?!aws-kms)[A-Za-z0-9._:/-]{1,64}$/

/** Which part of a recipient is not of its form; undefined when all are. */
export function faultOf({ namespace, keyName, wrappingKey }: Recipient): keyof Recipient | undefined {
  if (!recipientName.test(namespace)) return 'namespace'
  if (!recipientName.test(keyName)) return 'keyName'
  return wrappingKey.length === 32 ? undefined : 'wrappingKey'
}

/**
 * Wraps a data key for a recipient: info is `keyName tagBits(4) ivBytes(4) IV(12)`, blob is AES-256-GCM of the key with the
 * serialized context as AAD, then the tag.
 *
 * @source AWS Encryption SDK specification, raw AES keyring
 */
export function wrapFor(recipient: Recipient, dataKey: Uint8Array, context: KeyContext): EncryptedDataKey {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', recipient.wrappingKey, iv, { authTagLength: tagBytes })
  cipher.setAAD(serializeContext(context))
  const wrapped = cipher.update(dataKey)
  cipher.final()
  return {
    provider: recipient.namespace,
    info: Buffer.concat([Buffer.from(recipient.keyName, 'utf8'), uint32(tagBytes * 8), uint32(ivBytes), iv]),
    blob: Buffer.concat([wrapped, cipher.getAuthTag()]),
  }
}

function field(bytes: Uint8Array): Buffer {
  return Buffer.concat([uint16(bytes.length), bytes])
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
