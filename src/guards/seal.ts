import { createCipheriv, createHash, randomBytes } from 'node:crypto'
import type { Sealed } from '../domain/document.ts'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import { type MessageId, parseMessageId } from '../domain/ids.ts'
import type { KeyContext } from '../domain/key-context.ts'
import type { Keyring } from '../ports/keyring.ts'
import type { EncryptedDataKey } from '../ports/wrapped-keys.ts'
import { bindFrames, frameLength, headerLength, layoutOf, sealedFrameBytes, tagBytes, writeHeader } from './frames.ts'
import { deriveKeys } from './key-derivation.ts'
import { Turns } from './turns.ts'

/** Uploads are few and wait for their disks anyway: sealing and hashing keep others waiting this long at most. */
const sliceMs = 0.4

/** A sealed body that is not stored yet. */
export interface SealedBody {
  readonly messageId: MessageId
  /** The body in order, to be written without joining the parts; see frames.ts for its bytes. */
  readonly parts: readonly Uint8Array[]
  /** What opens it again, but for the hash, which `hashBody` finds while the parts are being written. */
  readonly sealed: Omit<Sealed, 'bodySha256'>
  readonly wrapped: { readonly edks: readonly EncryptedDataKey[]; readonly epoch: string }
}

/**
 * Seals a document under a fresh data key and a fresh message id, both new for every attempt. Other work gets its turn
 * meanwhile. The data key is wiped before it resolves; `plaintext` is left to whoever owns it and must not
 * change meanwhile.
 *
 * @throws {VaultError} keys.unavailable - no data key could be made
 * @throws {VaultError} grant.spent - the grant is not live
 */
export async function seal(
  vault: { readonly keyring: Pick<Keyring, 'newDataKey'> },
  grant: Grant<'document.deposit'>,
  input: { readonly plaintext: Uint8Array; readonly context: KeyContext },
): Promise<SealedBody> {
  const { plaintextKey, edks, epoch } = await vault.keyring.newDataKey(grant, input.context)
  try {
    const { id, bytes } = newMessageId()
    const { contentKey, commitKey } = deriveKeys(plaintextKey, bytes)
    try {
      const parts = await sealFrames(contentKey, bytes, input.plaintext, sealedFrameBytes)
      const sealed = {
        fmt: 1,
        plaintextBytes: input.plaintext.length,
        frameBytes: sealedFrameBytes,
        commitKey: commitKey.toString('base64'),
      } as const
      return { messageId: id, parts, sealed, wrapped: { edks, epoch } }
    } finally {
      contentKey.fill(0)
    }
  } finally {
    plaintextKey.fill(0)
  }
}

/**
 * SHA-256 of a body, base64. It begins after what was set going beside it, such as the write of the same parts, and shares
 * the event loop with that. Hash a body once and keep the answer.
 */
export async function hashBody(parts: readonly Uint8Array[]): Promise<string> {
  const hash = createHash('sha256')
  const turns = new Turns(sliceMs)
  await turns.take()
  for (const part of parts) {
    if (turns.due()) await turns.take()
    hash.update(part)
  }
  return hash.digest('base64')
}

/**
 * The frames of a message. A pair of content key and message id must never seal two plaintexts: the nonces are counted, so
 * the second one would reveal both.
 *
 * @param contentKey 32 bytes, left to the caller to wipe
 * @param messageId 32 bytes
 */
export async function sealFrames(
  contentKey: Uint8Array,
  messageId: Uint8Array,
  plaintext: Uint8Array,
  frameBytes: number,
): Promise<readonly Uint8Array[]> {
  const layout = layoutOf(plaintext.length, frameBytes)
  const bind = bindFrames(layout, messageId)
  const turns = new Turns(sliceMs)
  const parts: Uint8Array[] = []
  // The tag of a frame and the header of the next are one part: fewer pieces to hash and to write.
  let tag: Uint8Array = Buffer.alloc(0)
  for (let sequence = 1; sequence <= layout.frames; sequence++) {
    if (turns.due()) await turns.take()
    const between = Buffer.allocUnsafe(tag.length + headerLength(layout, sequence))
    between.set(tag)
    writeHeader(layout, sequence, between, tag.length)
    const { iv, aad } = bind(sequence)
    const start = (sequence - 1) * frameBytes
    const cipher = createCipheriv('aes-256-gcm', contentKey, iv, { authTagLength: tagBytes })
    cipher.setAAD(aad)
    const ciphertext = cipher.update(plaintext.subarray(start, start + frameLength(layout, sequence)))
    cipher.final()
    tag = cipher.getAuthTag()
    parts.push(between)
    if (ciphertext.length > 0) parts.push(ciphertext)
  }
  parts.push(tag)
  return parts
}

function newMessageId(): { readonly id: MessageId; readonly bytes: Buffer } {
  const bytes = randomBytes(32)
  const id = parseMessageId(bytes.toString('hex'))
  if (id === undefined) throw new VaultError('unexpected')
  return { id, bytes }
}
