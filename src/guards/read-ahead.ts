import type { Sealed } from '../domain/document.ts'
import type { BlobRange, OpenBlob } from '../ports/blobs.ts'
import { bodyBytesOf, framesOf, type Layout, layoutOf } from './frames.ts'

/**
 * Ciphertext on its way: the frames that hold one range of a document. The first read is under way from the start and one
 * more always runs while its predecessor is being used, so a verb can begin before the read is allowed; nothing of it means
 * anything without the key. Dispose of it on every path, before the blob.
 */
export interface ReadAhead extends AsyncDisposable {
  readonly layout: Layout
  /** The plaintext [start, end) that is wanted. */
  readonly start: number
  readonly end: number
  /** False when the stored object has not the one size that the layout gives it; then nothing is read. */
  readonly sound: boolean
  /**
   * The next bytes in order; undefined after the last.
   * @throws {VaultError} blobs.unavailable - the store failed
   */
  next(): Promise<Uint8Array | undefined>
}

/** The bytes of the body that hold the plaintext [start, end). @throws {RangeError} a range outside of the document */
export function bodyRangeOf(
  { plaintextBytes, frameBytes }: Pick<Sealed, 'plaintextBytes' | 'frameBytes'>,
  start: number,
  end: number,
): BlobRange {
  return framesOf(layoutOf(plaintextBytes, frameBytes), start, end)
}

/**
 * Starts to read the frames that hold the plaintext [start, end).
 *
 * @param blob stays the caller's to dispose of
 * @throws {RangeError} a range outside of the document
 */
export function readAhead(
  blob: OpenBlob,
  sealed: Pick<Sealed, 'plaintextBytes' | 'frameBytes'>,
  start: number,
  end: number,
  signal: AbortSignal,
): ReadAhead {
  return readAheadIn(blob, layoutOf(sealed.plaintextBytes, sealed.frameBytes), start, end, signal)
}

/** Same for a layout that was not the vault's own choice. */
export function readAheadIn(
  blob: OpenBlob,
  layout: Layout,
  start: number,
  end: number,
  signal: AbortSignal,
): ReadAhead {
  const range = framesOf(layout, start, end)
  const sound = blob.sizeBytes === bodyBytesOf(layout)
  const chunks = sound ? blob.read(range.start, range.end, signal)[Symbol.asyncIterator]() : undefined
  let ahead = chunks ? settled(chunks.next()) : undefined
  return {
    layout,
    start,
    end,
    sound,
    async next() {
      const result = await ahead
      if (!chunks || !result || result.done) {
        ahead = undefined
        return undefined
      }
      ahead = settled(chunks.next())
      return result.value
    },
    async [Symbol.asyncDispose]() {
      ahead = undefined
      await chunks?.return?.()
    },
  }
}

/** The same promise; its failure is met when it is awaited, and is no unhandled rejection if that never happens. */
function settled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}
