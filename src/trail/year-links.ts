import type { Detail, Entry } from '../domain/entry.ts'
import { compareLogs, logsOf, parseLogName } from '../domain/log-name.ts'
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
  const before = logs.findLast(other => compareLogs(other, log) < 0)
  const beforeTail = before === undefined ? undefined : await batches.tail(before)
  return { before, beforeTail, after: logs.find(other => compareLogs(other, log) > 0) }
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
  if (entry.act === 'log.opened') return isFirst ? openingFaults(entry, head.log, around) : ['link.misplaced']
  return isFirst && (around.before !== undefined || isRestored(head.log)) ? ['link.not-opened'] : []
}

function closingFaults(detail: Detail | undefined, head: Head): LinkFault[] {
  const next = detail?.next
  const isTrue = detail?.size === head.size && detail.root === hex(head.root)
  return isTrue && typeof next === 'string' && isLater(head.log, next) ? [] : ['link.closing-differs']
}

function openingFaults({ det: detail, why }: Entry, log: string, { before, beforeTail }: Neighbours): LinkFault[] {
  if ((why === 'restored') !== isRestored(log)) return ['link.misplaced']
  // A trail that was lost as a whole goes on after nothing.
  if (why === 'restored' && before === undefined && detail?.closed === undefined) return []
  if (before === undefined || !beforeTail || detail?.closed !== before) return ['link.year-before-missing']
  const isTrue = detail.size === beforeTail.first + beforeTail.n && detail.root === hex(beforeTail.root)
  return isTrue ? [] : ['link.year-before-differs']
}

/**
 * A log is closed exactly when another goes on; one that is closed and not gone on with was left so by a crash. One whose end
 * was lost with a restored backup cannot be closed any more: the next says where it was taken up.
 */
export function endFaults(head: Head, { after }: Neighbours): LinkFault[] {
  if (after !== undefined && isRestored(after)) return []
  return after !== undefined && head.next !== after ? ['link.not-closed'] : []
}

function isRestored(log: string): boolean {
  return (parseLogName(log)?.restored ?? 0) > 0
}

const hex = (hash: Uint8Array): string => Buffer.from(hash).toString('hex')
