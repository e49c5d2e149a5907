import { codeOf } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'
import { type AdvanceOptions, advanceEpochs } from './epochs.ts'
import type { RewrapProgress } from './rewrap.ts'

/** Whoever advances epochs holds this lease, for so long at most: the job of one instance, or the command. */
export const rewrapLease = 'rewrap-keys'
export const rewrapLeaseMs = 30 * 60_000
const loggedEveryMs = 10_000

/** A line of the log every ten seconds at most, and one when all is done. */
export function rewrapLogger({ log, clock }: Pick<Vault, 'log' | 'clock'>): (progress: RewrapProgress) => void {
  let loggedAtMs = 0
  return ({ tenant, count, total }) => {
    if (count < total && clock.nowMs() - loggedAtMs < loggedEveryMs) return
    loggedAtMs = clock.nowMs()
    log.info('data keys wrapped anew', { tenant, count, total, job: rewrapLease })
  }
}

/**
 * Advances the epochs of every tenant. What one tenant fails on keeps no other waiting.
 *
 * @returns how many keys were wrapped anew and steps were taken
 * @throws {VaultError} the first failure, after every tenant had its turn
 */
export async function continueEpochs(vault: Vault, options: AdvanceOptions): Promise<number> {
  const failures: unknown[] = []
  let count = 0
  for (const tenant of vault.tenants.keys()) {
    if (options.signal.aborted) break
    try {
      count += await advanceEpochs(vault, tenant, options)
    } catch (error) {
      vault.log.error('epochs not advanced', { tenant, code: codeOf(error), job: 'rewrap-keys' })
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
  return count
}
