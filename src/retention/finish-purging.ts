import type { DocumentId } from '../domain/ids.ts'
import { purgeLimits } from '../domain/purge-run.ts'
import type { Tenant } from '../domain/tenant.ts'
import { isClockTrusted } from '../guards/trusted-clock.ts'
import type { Vault } from '../guards/vault.ts'
import { purgeApart } from './purge-apart.ts'
import { purgeCaller } from './purge-caller.ts'
import { dropPurgeLease, takePurgeLease } from './purge-lease.ts'

/**
 * Destroys what was given up outside of a run, or by one that ended in the middle: erasures that two people decided, above all.
 * One that failed before waits for the next plan.
 *
 * @returns how many were destroyed; 0 while the clock is not trusted, or another instance is at work for this tenant
 */
export async function finishPurging(vault: Vault, tenant: Tenant, signal: AbortSignal): Promise<number> {
  if ((await vault.ledger.purgingDocuments(tenant.id, { limit: 1 })).length === 0) return 0
  try {
    return await underLease(vault, tenant, signal)
  } finally {
    await dropPurgeLease(vault, tenant)
  }
}

async function underLease(vault: Vault, tenant: Tenant, signal: AbortSignal): Promise<number> {
  let [destroyed, after] = [0, undefined as DocumentId | undefined]
  while (!signal.aborted) {
    // Whoever executes a run of this tenant elsewhere may be at these very papers.
    if ((await takePurgeLease(vault, tenant)) === undefined) return destroyed
    const page = { limit: purgeLimits.itemsPerPage, ...(after === undefined ? {} : { after }) }
    const purging = await vault.ledger.purgingDocuments(tenant.id, page)
    if (purging.length === 0 || !(await isClockTrusted(vault, tenant.id))) return destroyed
    const fresh = purging.filter(document => document.state === 'purging' && document.attempts === 0)
    const targets = fresh.map(({ id, subject }) => ({ document: id, subject }))
    const outcomes = await purgeApart(vault, { tenant, caller: purgeCaller(vault, tenant.id) }, targets)
    destroyed += [...outcomes.values()].filter(outcome => outcome === 'destroyed').length
    after = purging.at(-1)?.id
    if (purging.length < purgeLimits.itemsPerPage) return destroyed
  }
  return destroyed
}
