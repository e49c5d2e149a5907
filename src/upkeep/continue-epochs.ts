import { codeOf } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'
import { type AdvanceOptions, advanceEpochs } from './epochs.ts'

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
