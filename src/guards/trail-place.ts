import { VaultError } from '../domain/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { TrailBatch, TrailBatches } from '../ports/trail-batches.ts'

/** The store promises to answer within 2 s; one that breaks even that is not waited for longer than this. */
const storePatienceMs = 2_500
/** How many batches of others are read at once. */
export const batchesAtOnce = 64

/** What placing a batch needs. */
export interface Placing {
  readonly batches: TrailBatches
  readonly clock: Clock
  readonly log: Log
}

/**
 * Brings one batch to a known end. An insert whose result is unknown is looked up by its nonce: ours is success, absent is
 * tried again with the very same batch, so that it can never stand twice.
 *
 * @param isWanted asked before each further try; while nobody waits any more the batch is given up, though it may still land
 * @returns 'own' once it is durable; where another writer's batch stands at its place that one and up to 63 after it, in order;
 *   'unwanted' when given up
 * @throws {VaultError} storage.full - the batch is not there
 * @throws {VaultError} trail.diverged - under our nonce stands what we never wrote
 */
export async function place(
  { batches, clock, log }: Placing,
  batch: TrailBatch,
  isWanted: () => boolean,
): Promise<'own' | 'unwanted' | readonly TrailBatch[]> {
  let isTaken = false
  let isReported = false
  const orUnknown = async <Answer>(asked: Promise<Answer>): Promise<Answer | 'unknown'> => {
    try {
      return await within(clock, asked)
    } catch (error) {
      const code = error instanceof VaultError ? error.code : 'unexpected'
      if (code === 'storage.full') throw error
      if (!isReported) log.warn('trail store gave no answer', { log: batch.log, index: batch.first, code })
      isReported = true
      return 'unknown'
    }
  }
  for (let tries = 0; ; tries++) {
    if (!isTaken) {
      const inserted = await orUnknown(batches.insert(batch))
      if (inserted === 'inserted') return 'own'
      isTaken = inserted === 'taken'
    }
    // A batch that took our place may not be visible yet: then there is nothing to do but to read again.
    const newer = await orUnknown(batches.range(batch.log, batch.seq, batchesAtOnce))
    const there = newer === 'unknown' ? undefined : newer[0]
    if (newer !== 'unknown' && there?.seq === batch.seq) return isOwn(batch, there) ? 'own' : newer
    if (!isWanted()) return 'unwanted'
    await clock.sleep(backoffMs(tries))
  }
}

/** Between half of and all of 4, 8, 16 … 128 ms. */
export function backoffMs(tries: number): number {
  return (2 + 2 * Math.random()) * 2 ** Math.min(tries, 5)
}

/** The answer of the store, or trail.unavailable when it keeps its promise to answer neither way. */
export async function within<Answer>(clock: Clock, asked: Promise<Answer>): Promise<Answer> {
  const answered = new AbortController()
  const late = async (): Promise<never> => {
    await clock.sleep(storePatienceMs, answered.signal)
    throw new VaultError('trail.unavailable')
  }
  try {
    return await Promise.race([asked, late()])
  } finally {
    answered.abort(isAnswered)
  }
}

/** Said to a timer that is not needed any more; an error made for each would cost more than the timer. */
const isAnswered = new VaultError('trail.unavailable')

function isOwn(batch: TrailBatch, there: TrailBatch): boolean {
  if (Buffer.compare(batch.nonce, there.nonce) !== 0) return false
  if (Buffer.compare(batch.root, there.root) === 0 && Buffer.compare(batch.entries, there.entries) === 0) return true
  throw new VaultError('trail.diverged', { detail: 'batch.root' })
}
