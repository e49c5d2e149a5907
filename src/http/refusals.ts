import type { Caller } from '../domain/caller.ts'
import type { EntryDraft } from '../domain/entry.ts'
import { isRecorded } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'
import { asVaultError, isRefusal } from './problem.ts'

/**
 * Puts a refusal of a known caller on record before they hear of it, then throws it. Failures of the vault itself are no
 * refusals, and one that a verb has recorded is not recorded again.
 *
 * @throws {VaultError} the refusal; trail.unavailable in its place when it could not be recorded
 */
export async function refuseOnRecord(
  vault: Pick<Vault, 'trail' | 'denials' | 'clock'>,
  caller: Caller,
  act: EntryDraft['act'],
  error: unknown,
): Promise<never> {
  const refusal = asVaultError(error)
  if (isRefusal(refusal) && !isRecorded(refusal)) {
    await vault.trail.append([{ act, out: 'deny', why: refusal.code, caller }])
    vault.denials.countRefusal(caller, vault.clock.nowMs())
  }
  throw refusal
}
