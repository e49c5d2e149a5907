import type { Detail, Entry } from '../domain/entry.ts'
import { logsOf, parseLogName } from '../domain/log-name.ts'
import { type Head, isLater } from '../guards/trail-head.ts'
import type { TrailBatch, TrailBatches } from '../ports/trail-batches.ts'

/** What can be wrong between the logs of two years. */
export type LinkFault =
  | 'link.not-opened'
  | 'link.not-closed'
  | 'link.misplaced'
  | 'link.year-before-missing'
  | 'link.year-before-differs'
  | 'link.closing-differs'

/** The logs of the same owner around one of them. */
export interface Neighbours {
  readonly before: string | undefined
  /** The last batch of `before`. */
  readonly beforeTail: TrailBatch | undefined
  readonly after: string | undefined
}

/** Finds the logs of the same owner before and after `log`, by year. */
export async function neighboursOf(batches: TrailBatches, log: string): Promise<Neighbours> {
  const name = parseLogName(log)
  const logs = name ? logsOf(await batches.logs(), name.tenant) : []
  const before = logs.findLast(other => other < log)
  const beforeTail = before === undefined ? undefined : await batches.tail(before)
  return { before, beforeTail, after: logs.find(other => other > log) }
}

/** What is wrong with an entry's place in the chain of years; `head` is before its batch, `index` counts within the batch. */
export function linkFaults(
  entry: Entry,
  index: number,
  head: Head,
  batchSize: number,
  around: Neighbours,
): LinkFault[] {
  if (entry.act === 'log.closed') {
    return batchSize === 1 ? closingFaults(entry.det, head) : ['link.misplaced']
  }
  const isFirst = head.size === 0 && index === 0
  if (entry.act === 'log.opened') return isFirst ? openingFaults(entry.det, around) : ['link.misplaced']
  return isFirst && around.before !== undefined ? ['link.not-opened'] : []
}

function closingFaults(detail: Detail | undefined, head: Head): LinkFault[] {
  const next = detail?.next
  const isTrue = detail?.size === head.size && detail.root === hex(head.root)
  return isTrue && typeof next === 'string' && isLater(head.log, next) ? [] : ['link.closing-differs']
}

function openingFaults(detail: Detail | undefined, { before, beforeTail }: Neighbours): LinkFault[] {
  if (before === undefined || !beforeTail || detail?.closed !== before) return ['link.year-before-missing']
  const isTrue = detail.size === beforeTail.first + beforeTail.n && detail.root === hex(beforeTail.root)
  return isTrue ? [] : ['link.year-before-differs']
}

/** A log is closed exactly when another goes on; one that is closed and not gone on with was left so by a crash. */
export function endFaults(head: Head, { after }: Neighbours): LinkFault[] {
  return after !== undefined && head.next !== after ? ['link.not-closed'] : []
}

const hex = (hash: Uint8Array): string => Buffer.from(hash).toString('hex')
