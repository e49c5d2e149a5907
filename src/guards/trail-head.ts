import { type Entry, parseEntry } from '../domain/entry.ts'
import { parseLogName } from '../domain/log-name.ts'
import type { TrailBatch } from '../ports/trail-batches.ts'
import { bundleOf, entriesOf } from './entry-bundle.ts'
import { emptyRoot, grow, isSameHash, joinHashes, leafHash, rootOf, splitFrontier } from './merkle.ts'

/** How far a log has been followed: all that is needed to append to it or to judge the next batch. */
export interface Head {
  readonly log: string
  /** Of the last batch; -1 while there is none. */
  readonly seq: number
  /** Entries so far. */
  readonly size: number
  readonly frontier: readonly Uint8Array[]
  readonly root: Uint8Array
  /** Batch time of the last batch, of the year before while there is none. */
  readonly timeMs: number
  /** The log that goes on where this one is closed. */
  readonly next?: string
}

/** What can be wrong with a batch, seen from the one before. */
export type BatchFault =
  | 'batch.after-close'
  | 'batch.sequence'
  | 'batch.first'
  | 'batch.count'
  | 'batch.time'
  | 'batch.bundle'
  | 'batch.previous-root'
  | 'batch.root'
  | 'batch.frontier'

/** The head of a log without a batch. */
export function emptyHead(log: string, timeMs: number): Head {
  return { log, seq: -1, size: 0, frontier: [], root: emptyRoot, timeMs }
}

/** An entry that has its bytes; `leaf` is SHA-256(00 || bytes). */
export interface SealedEntry {
  readonly id: string
  readonly bytes: Uint8Array
  readonly leaf: Uint8Array
}

/** The batch that appends `entries` to the log, and the head after it. Batch time never goes back. */
export function nextBatch(
  head: Head,
  entries: readonly SealedEntry[],
  by: { readonly inst: string; readonly nonce: Uint8Array; readonly nowMs: number },
): { readonly batch: TrailBatch; readonly after: Head } {
  const leaves = entries.map(({ leaf }) => leaf)
  const bytes = entries.map(entry => entry.bytes)
  const frontier = grow(head.frontier, head.size, leaves)
  const root = rootOf(frontier)
  const timeMs = Math.max(head.timeMs, by.nowMs)
  const seq = head.seq + 1
  const batch = {
    log: head.log,
    seq,
    first: head.size,
    n: entries.length,
    prevRoot: head.root,
    root,
    frontier: joinHashes(frontier),
    entries: bundleOf(bytes),
    inst: by.inst,
    nonce: by.nonce,
    timeMs,
  }
  const after = { log: head.log, seq, size: head.size + entries.length, frontier, root, timeMs }
  const next = closedTo(head.log, bytes)
  return { batch, after: next ? { ...after, next } : after }
}

/** A stored batch held against the head before it: everything it states of itself is computed again. */
export interface Followed {
  /** What the batch states where that can be, so that one damaged batch is one finding and not a chain of them. */
  readonly after: Head
  readonly faults: readonly BatchFault[]
  readonly entries: readonly Uint8Array[]
}

/** Judges one stored batch against the head before it: every fault that it has, and the head after it. */
export function follow(head: Head, batch: TrailBatch): Followed {
  const faults: BatchFault[] = []
  const expect = (holds: boolean, fault: BatchFault): void => {
    if (!holds) faults.push(fault)
  }
  const entries = unbundled(batch.entries)
  expect(head.next === undefined, 'batch.after-close')
  expect(batch.seq === head.seq + 1, 'batch.sequence')
  expect(batch.first === head.size, 'batch.first')
  expect(batch.timeMs >= head.timeMs, 'batch.time')
  expect(isSameHash(batch.prevRoot, head.root), 'batch.previous-root')
  expect(entries !== undefined, 'batch.bundle')
  expect(batch.n > 0 && (entries === undefined || entries.length === batch.n), 'batch.count')
  const frontier = grow(head.frontier, head.size, (entries ?? []).map(leafHash))
  const stated = splitFrontier(batch.frontier, batch.first + batch.n)
  expect(stated !== undefined && Buffer.compare(batch.frontier, joinHashes(frontier)) === 0, 'batch.frontier')
  expect(isSameHash(batch.root, rootOf(frontier)), 'batch.root')
  const { log, seq, root, timeMs } = batch
  const next = entries && closedTo(log, entries)
  const grown =
    faults.length > 0 && stated
      ? { size: batch.first + batch.n, frontier: stated, root }
      : { size: head.size + (entries?.length ?? 0), frontier, root }
  const after = { log, seq, ...grown, timeMs: Math.max(head.timeMs, timeMs), ...(next ? { next } : {}) }
  return { after, faults, entries: entries ?? [] }
}

/** The head that a batch states of itself, or undefined when its frontier and root are not of one tree. */
export function statedHead(batch: TrailBatch): Head | undefined {
  const { log, seq, root, timeMs } = batch
  const size = batch.first + batch.n
  const frontier = splitFrontier(batch.frontier, size)
  if (!frontier || !isSameHash(rootOf(frontier), root)) return undefined
  return { log, seq, size, frontier, root, timeMs }
}

function unbundled(bundle: Uint8Array): readonly Uint8Array[] | undefined {
  try {
    return entriesOf(bundle)
  } catch {
    return undefined
  }
}

/** `act` is the first member of every entry's canonical form, so the bytes tell without a parser. */
const closing = Buffer.from('{"act":"log.closed"')

/**
 * Where the log goes on, when this batch closes it: the closing entry stands alone in its batch, and names a later year of the
 * same owner.
 */
function closedTo(log: string, entries: readonly Uint8Array[]): string | undefined {
  const [only] = entries
  if (!only || entries.length > 1 || Buffer.compare(only.subarray(0, closing.length), closing) !== 0) return undefined
  const next = entryIn(only)?.det?.next
  return typeof next === 'string' && isLater(log, next) ? next : undefined
}

function entryIn(bytes: Uint8Array): Entry | undefined {
  try {
    return parseEntry(bytes)
  } catch {
    return undefined
  }
}

/** True when `next` is a log of the same owner as `log` and of a later year. */
export function isLater(log: string, next: string): boolean {
  const [one, other] = [parseLogName(log), parseLogName(next)]
  return one !== undefined && other !== undefined && other.tenant === one.tenant && other.year > one.year
}
