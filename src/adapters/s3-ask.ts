import { setTimeout as sleep } from 'node:timers/promises'
import { refusalIn } from './s3-answers.ts'
import { Patience } from './s3-patience.ts'

const firstPauseMs = 25
const longestPauseMs = 400

/**
 * Asks for what may be asked twice, and again while the store says to slow down, fails or breaks the connection, each time
 * after a random part of a growing pause; for at most `silenceMs` in all.
 *
 * @throws the client's own error, of the last attempt; {VaultError} blobs.unavailable - no answer in time
 */
export async function askS3<Answer>(
  silenceMs: number,
  call: (signal: AbortSignal) => Promise<Answer>,
): Promise<Answer> {
  using patience = new Patience(silenceMs)
  for (let attempt = 0; ; attempt++) {
    try {
      return await patience.over(call(patience.signal))
    } catch (error) {
      if (patience.signal.aborted || refusalIn(error) !== 'silent') throw error
      await patience.over(sleep(pauseMsAfter(attempt)))
    }
  }
}

/** Full jitter: anything up to a pause that doubles, from 25 to 400 ms. */
export function pauseMsAfter(attempt: number): number {
  return Math.random() * Math.min(longestPauseMs, firstPauseMs * 2 ** attempt)
}
