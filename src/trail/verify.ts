import { type Entry, parseEntry } from '../domain/entry.ts'
import { VaultError } from '../domain/errors.ts'
import { compareLogs, type LogName, ownerOf, parseLogName, utcYear } from '../domain/log-name.ts'
import { type BatchFault, emptyHead, follow, type Head } from '../guards/trail-head.ts'
import type { TrailBatch, TrailBatches } from '../ports/trail-batches.ts'
import { endFaults, type LinkFault, linkFaults, type Neighbours, neighboursOf } from './year-links.ts'

export type EntryFault = 'entry.malformed' | 'entry.not-canonical' | 'entry.too-long' | 'entry.tenant'

/** One thing that does not hold. `index` is there where it is one entry's and not the batch's. */
export interface TrailProblem {
  readonly log: string
  readonly seq: number
  readonly index?: number
  readonly problem: BatchFault | EntryFault | LinkFault | 'batch.year' | 'log.name'
}

/** An intent of which nobody knows what became of it. */
export interface OpenGrant {
  readonly log: string
  readonly index: number
  readonly id: string
  readonly act: string
  /** Epoch ms at which it was granted: how old it is tells whether it is under way or lost. */
  readonly atMs: number
}

export interface LogReport {
  readonly log: string
  readonly batches: number
  readonly entries: number
  /** Hex, recomputed, after the last entry. */
  readonly root: string
  readonly problems: readonly TrailProblem[]
  /** Intents of this log, and of earlier ones given, whose outcome stands neither there nor here. */
  readonly openGrants: readonly OpenGrant[]
}

export interface Verifying {
  /** Told after each portion of the log: entries verified of it so far. */
  readonly onProgress?: (log: string, entries: number) => void
  readonly signal?: AbortSignal
}

/** Intents without an outcome, by id; handed from one year's log to the next. */
export type OpenGrants = Map<string, OpenGrant>

/** A portion is about this large, whatever the size of the batches: memory is bounded and the store is asked rarely. */
const portionBytes = 4 * 1024 * 1024
const maxBatchesAtOnce = 512

/**
 * Computes one log again from its stored bytes: each leaf, frontier and root, sequence, batch time, the canonical form and tenant
 * of each entry, and the links to the years before and after. Memory does not grow with the log, but for its open grants.
 *
 * @param open intents of earlier years of the same owner that have no outcome yet; changed in place
 * @throws {VaultError} trail.unavailable - the store did not answer
 * @throws the signal's reason once aborted
 */
export async function verifyLog(
  batches: TrailBatches,
  log: string,
  { onProgress, signal }: Verifying = {},
  open: OpenGrants = new Map(),
): Promise<LogReport> {
  const around = await neighboursOf(batches, log)
  const judge = new LogJudge(log, around, open)
  for (let atOnce = 4; ; ) {
    signal?.throwIfAborted()
    const portion = await batches.range(log, judge.head.seq + 1, atOnce)
    for (const batch of portion) {
      signal?.throwIfAborted()
      judge.judge(batch)
      await new Promise(setImmediate)
    }
    onProgress?.(log, judge.head.size)
    if (portion.length < atOnce) break
    const bytes = portion.reduce((sum, { entries }) => sum + entries.length, 0)
    atOnce = Math.min(Math.max(Math.floor((portionBytes * portion.length) / (bytes + 1)), 1), maxBatchesAtOnce)
  }
  return judge.report()
}

/** Follows one log from its first batch and notes what does not hold. */
class LogJudge {
  readonly #name: LogName | undefined
  readonly #around: Neighbours
  readonly #open: OpenGrants
  readonly #problems: TrailProblem[] = []
  #batches = 0
  head: Head

  constructor(log: string, around: Neighbours, open: OpenGrants) {
    this.#name = parseLogName(log)
    this.#around = around
    this.#open = open
    this.head = emptyHead(log, around.beforeTail?.timeMs ?? 0)
    if (!this.#name) this.#note(0, 'log.name')
  }

  judge(batch: TrailBatch): void {
    const { after, faults, entries } = follow(this.head, batch)
    for (const fault of faults) this.#note(batch.seq, fault)
    // The batch that closes a year is written in the next one.
    if (after.next === undefined && utcYear(batch.timeMs) !== this.#name?.year) this.#note(batch.seq, 'batch.year')
    for (const [i, bytes] of entries.entries()) this.#judgeEntry(batch, i, bytes)
    this.head = after
    this.#batches++
  }

  report(): LogReport {
    const { head } = this
    for (const fault of endFaults(head, this.#around)) this.#note(head.seq, fault)
    const root = Buffer.from(head.root).toString('hex')
    const openGrants = [...this.#open.values()]
    return { log: head.log, batches: this.#batches, entries: head.size, root, problems: this.#problems, openGrants }
  }

  #judgeEntry(batch: TrailBatch, i: number, bytes: Uint8Array): void {
    const index = batch.first + i
    const entry = readOrFault(bytes)
    if (typeof entry === 'string') {
      this.#note(batch.seq, entry, index)
      return
    }
    if (entry.ten !== this.#name?.tenant) this.#note(batch.seq, 'entry.tenant', index)
    for (const fault of linkFaults(entry, i, this.head, batch.n, this.#around)) this.#note(batch.seq, fault, index)
    if (entry.of !== undefined) this.#open.delete(entry.of)
    if (entry.out !== 'allow') return
    const { id, act, ts } = entry
    this.#open.set(id, { log: batch.log, index, id, act, atMs: Date.parse(ts) })
  }

  #note(seq: number, problem: TrailProblem['problem'], index?: number): void {
    this.#problems.push({ log: this.head.log, seq, ...(index === undefined ? {} : { index }), problem })
  }
}

function readOrFault(bytes: Uint8Array): Entry | EntryFault {
  try {
    return parseEntry(bytes)
  } catch (error) {
    if (!(error instanceof VaultError)) throw error
    return error.facts.detail as EntryFault
  }
}

/** Every log of the store, or of one owner (a tenant, or `_vault`): each year after the one before it. */
export async function verifyLogs(
  batches: TrailBatches,
  options: Verifying & { readonly owner?: string } = {},
): Promise<readonly LogReport[]> {
  const byOwner = Map.groupBy((await batches.logs()).toSorted(compareLogs), ownerOf)
  const reports: LogReport[] = []
  for (const [owner, logs] of byOwner) {
    if (options.owner !== undefined && options.owner !== owner) continue
    const open: OpenGrants = new Map()
    for (const log of logs) {
      const report = await verifyLog(batches, log, options, open)
      // An outcome may stand in the next year's log, so only the last one can say what is open.
      reports.push(log === logs.at(-1) ? report : { ...report, openGrants: [] })
    }
  }
  return reports
}
