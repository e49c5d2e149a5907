import type { StoredDocument } from '../domain/document.ts'
import { bodyRangeOf, type ReadAhead, readAhead } from '../guards/read-ahead.ts'
import type { Blobs } from '../ports/blobs.ts'
import type { ByteRange } from './byte-range.ts'

/** A range of ciphertext that is being fetched. Dispose of it on every path. */
export interface Ciphertext extends AsyncDisposable {
  /** @throws {VaultError} blobs.missing, blobs.unavailable - when it is awaited, not before */
  readonly body: Promise<ReadAhead>
}

/** Starts to fetch the frames of a range at once. */
export function fetchCiphertext(
  blobs: Blobs,
  document: StoredDocument,
  { start, end }: ByteRange,
  signal: AbortSignal,
): Ciphertext {
  const opening = blobs.open(document.blobKey, bodyRangeOf(document, start, end))
  const body = opening.then(blob => readAhead(blob, document, start, end, signal))
  // A refusal may come first: then nobody asks for the body, and its failure is nobody's.
  body.catch(() => undefined)
  return {
    body,
    async [Symbol.asyncDispose]() {
      const [blob, ahead] = await Promise.allSettled([opening, body])
      if (ahead.status === 'fulfilled') await ahead.value[Symbol.asyncDispose]()
      if (blob.status === 'fulfilled') await blob.value[Symbol.asyncDispose]()
    },
  }
}
