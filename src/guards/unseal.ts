import { timingSafeEqual } from 'node:crypto'
import type { Sealed } from '../domain/document.ts'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { MessageId } from '../domain/ids.ts'
import type { KeyContext } from '../domain/key-context.ts'
import type { Keyring } from '../ports/keyring.ts'
import type { EncryptedDataKey } from '../ports/wrapped-keys.ts'
import { deriveKeys, type MessageKeys } from './key-derivation.ts'
import { type OpenFrame, openFrames } from './open-frames.ts'
import type { ReadAhead } from './read-ahead.ts'

/** Verified bytes, to be iterated once; disposing of it wipes the key, which ending or breaking off the loop does too. */
export interface OpenBytes extends AsyncIterable<Uint8Array>, AsyncDisposable {}

/** What may open a sealed document. */
export type Opening = 'document.open.original' | 'document.open.preview' | 'document.open.masked'

/** What a document's row and its wrapped key say of its sealed body. */
export interface SealedDocument {
  readonly document: Pick<Sealed, 'commitKey'> & { readonly messageId: MessageId }
  readonly edks: readonly EncryptedDataKey[]
  /** The expected context, never one that was read beside the key. */
  readonly context: KeyContext
  /** Its frames; disposed of by whoever made it. */
  readonly body: ReadAhead
}

/**
 * Opens the range that `body` reads. When it resolves the key is proved and the first frame is verified, so whatever is
 * wrong with the whole document is known before the first byte is promised to anyone; each later frame is verified before
 * any byte of it is given. Memory is bounded by the chunks that are read, whatever the range.
 *
 * @throws {VaultError} keys.refused - the wrapped key does not open in this context
 * @throws {VaultError} keys.unavailable - the key service does not answer
 * @throws {VaultError} seal.broken - key, commitment, size or a frame is not what was sealed; also while iterating
 * @throws {VaultError} blobs.unavailable - the store failed; also while iterating
 */
export async function unseal(
  vault: { readonly keyring: Pick<Keyring, 'unwrap'> },
  grant: Grant<Opening>,
  sealed: SealedDocument,
): Promise<OpenBytes> {
  const dataKey = await vault.keyring.unwrap(grant, sealed.edks, sealed.context)
  try {
    return await verifiedRange(committedKeys(dataKey, sealed.document), sealed)
  } finally {
    dataKey.fill(0)
  }
}

/**
 * Derives the keys of the message and holds them against the commitment on record.
 * @throws {VaultError} seal.broken - it is another data key, or another message
 */
export function committedKeys(dataKey: Uint8Array, document: SealedDocument['document']): MessageKeys {
  const keys = deriveKeys(dataKey, Buffer.from(document.messageId, 'hex'))
  const committed = Buffer.from(document.commitKey, 'base64')
  if (committed.length === keys.commitKey.length && timingSafeEqual(committed, keys.commitKey)) return keys
  keys.contentKey.fill(0)
  throw new VaultError('seal.broken')
}

function verifiedRange({ contentKey }: MessageKeys, { document, body }: SealedDocument): Promise<OpenBytes> {
  const frames = openFrames(contentKey, Buffer.from(document.messageId, 'hex'), body)
  return firstVerified(frames, frame => wanted(frame, body))
}

/** What of a frame lies in the wanted range. */
function wanted({ sequence, plaintext }: OpenFrame, { layout, start, end }: ReadAhead): readonly Uint8Array[] {
  let at = (sequence - 1) * layout.frameBytes
  const pieces: Uint8Array[] = []
  for (const piece of plaintext) {
    const from = Math.max(start - at, 0)
    const to = Math.min(end - at, piece.length)
    at += piece.length
    if (from < to) pieces.push(to - from === piece.length ? piece : piece.subarray(from, to))
  }
  return pieces
}

/**
 * The bytes that `piecesOf` takes of each frame, with the first frame already verified: whatever is wrong with the whole
 * document is thrown here.
 */
export async function firstVerified(
  frames: AsyncGenerator<OpenFrame, void, undefined>,
  piecesOf: (frame: OpenFrame) => readonly Uint8Array[],
): Promise<OpenBytes> {
  // Iterated by hand: a generator around the generator costs three more promises for each frame.
  const first = await frames.next()
  const ready = first.done ? [] : [...piecesOf(first.value)]
  const bytes: AsyncIterator<Uint8Array, void> = {
    async next() {
      for (;;) {
        const value = ready.shift()
        if (value) return { done: false, value }
        const frame = await frames.next()
        if (frame.done) return { done: true, value: undefined }
        ready.push(...piecesOf(frame.value))
      }
    },
    async return() {
      ready.length = 0
      await frames.return()
      return { done: true, value: undefined }
    },
  }
  return {
    [Symbol.asyncIterator]: () => bytes,
    [Symbol.asyncDispose]: async () => {
      ready.length = 0
      await frames.return()
    },
  }
}
