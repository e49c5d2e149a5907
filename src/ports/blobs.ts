import type { Grant } from '../domain/grant.ts'

/** A stored object that is open for reading. Dispose of it on every path. */
export interface OpenBlob extends AsyncDisposable {
  readonly sizeBytes: number
  /**
   * The bytes [start, end) in order, in chunks of the adapter's choosing; at most one call at a time.
   * @throws {VaultError} blobs.unavailable - the store failed or ended before `end`
   */
  read(start: number, end: number, signal: AbortSignal): AsyncIterable<Uint8Array>
}

/** The bytes [start, end) of a blob. */
export interface BlobRange {
  readonly start: number
  readonly end: number
}

/** One stored blob, as a listing tells it. */
export interface BlobFacts {
  readonly key: string
  readonly sizeBytes: number
  readonly modifiedAtMs: number
}

/**
 * Opaque ciphertext by key (`v1/<2 hex>/<64 hex>`).
 *
 * @throws {VaultError} blobs.unavailable - the store failed or did not answer in time
 * @throws {VaultError} storage.full - no room; nothing is left behind
 */
export interface Blobs {
  /**
   * Once each: a key that is there is refused and left as it is. The parts are written in order, never concatenated.
   * Durable when it resolves; aborted or failed, no part of it stays under the key.
   *
   * @param sha256 of all parts, base64, where somebody finds it anyway: a store that checks one need not hash them again
   * @throws {VaultError} blobs.exists - the key is there
   */
  put(
    by: Grant,
    key: string,
    parts: readonly Uint8Array[],
    signal: AbortSignal,
    sha256?: Promise<string>,
  ): Promise<void>
  /**
   * @param first what will be read first, where that is known: a store in which every look is a request brings it along
   * @throws {VaultError} blobs.missing - nothing under the key
   */
  open(key: string, first?: BlobRange): Promise<OpenBlob>
  /** Idempotent; durable when it resolves. */
  delete(by: Grant, key: string): Promise<void>
  /**
   * The same for many at once, at most 1,000: all durable when it resolves. When it rejects any of them may be gone.
   */
  deleteAll(by: Grant, keys: readonly string[]): Promise<void>
  /** Every object last changed before `beforeMs`, in no order; foreign names in the store are reported as they are. */
  list(beforeMs: number): AsyncIterable<BlobFacts>
  /** Resolves when a put could be made now. @throws {VaultError} storage.full - below the low-water mark */
  ready(): Promise<void>
}
