/** One batch of trail entries, as stored; the bytes of its entries are the truth. */
export interface TrailBatch {
  /** `<tenant>/<year>` or `_vault/<year>`. */
  readonly log: string
  /** From 0, without gaps. */
  readonly seq: number
  /** Index of its first entry in the log, from 0. */
  readonly first: number
  /** How many entries, 1 to 512. */
  readonly n: number
  /** Merkle root (RFC 6962) before and after this batch; 32 bytes each. */
  readonly prevRoot: Uint8Array
  readonly root: Uint8Array
  /** Roots of the full subtrees after this batch, largest first, 32 bytes each, concatenated. */
  readonly frontier: Uint8Array
  /** Each entry as uint16 length (big-endian) and bytes: a tlog-tiles entry bundle. */
  readonly entries: Uint8Array
  /** Which instance wrote it. */
  readonly inst: string
  /** 16 random bytes: tells an own batch after an unknown result. */
  readonly nonce: Uint8Array
  /** Batch time, epoch ms: max(previous batch's, now). */
  readonly timeMs: number
}

/**
 * The append-only store below the trail's writer (guards/trail.ts). It may insert and find, never update or delete.
 *
 * @throws {VaultError} trail.unavailable - not answered within `timeoutMs`, not writable, or the path no longer names the
 *   open file; after `insert` threw, the batch may or may not be there
 * @throws {VaultError} storage.full - no room; the batch is not there
 */
export interface TrailBatches {
  /**
   * Durable when it resolves, on a majority where there is one.
   * @returns 'taken' when (log, seq) is there already, whoever wrote it
   */
  insert(batch: TrailBatch): Promise<'inserted' | 'taken'>
  find(log: string, seq: number): Promise<TrailBatch | undefined>
  /** The last batch of a log. */
  tail(log: string): Promise<TrailBatch | undefined>
  /** Batches from `fromSeq` on, ascending, at most `limit`. */
  range(log: string, fromSeq: number, limit: number): Promise<readonly TrailBatch[]>
  /** The batch that holds entry `index`. */
  holding(log: string, index: number): Promise<TrailBatch | undefined>
  /** Every log that has a batch, ascending. */
  logs(): Promise<readonly string[]>
  /** Resolves when an insert could be made now. */
  ready(): Promise<void>
}
