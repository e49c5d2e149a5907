import type { EntryDraft } from '../domain/entry.ts'
import type { Vault } from '../guards/vault.ts'

/**
 * Writes the entries of refusals that were only counted, for every minute that has ended; with `ending`, for all.
 * What cannot be written now is given back and tried with the next minute's.
 */
export async function countRefusals(vault: Vault, ending = false): Promise<number> {
  const due = vault.denials.takeDue(vault.clock.nowMs(), ending)
  const byTenant = Map.groupBy(due, draft => draft.caller?.tenant)
  const failed: EntryDraft[] = []
  let written = 0
  for (const drafts of byTenant.values()) {
    try {
      await vault.trail.append(drafts)
      written += drafts.length
    } catch {
      failed.push(...drafts)
    }
  }
  vault.denials.giveBack(failed)
  return written
}
