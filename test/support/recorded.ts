import { type Entry, parseEntry } from '../../src/domain/entry.ts'
import type { TenantId } from '../../src/domain/ids.ts'
import { entriesOf } from '../../src/guards/entry-bundle.ts'
import type { Vault } from '../../src/guards/vault.ts'

/** Every entry of a tenant (or `_vault`) as it stands in the store, in order. */
export async function recorded(vault: Vault, tenant: string): Promise<readonly Entry[]> {
  const entries: Entry[] = []
  for (const log of await vault.batches.logs()) {
    if (!log.startsWith(`${tenant}/`)) continue
    for (let seq = 0; ; ) {
      const batches = await vault.batches.range(log, seq, 100)
      for (const batch of batches) entries.push(...entriesOf(batch.entries).map(parseEntry))
      seq += batches.length
      if (batches.length === 0) break
    }
  }
  return entries
}

/** What a tenant's uploads left anywhere: rows, wrapped keys and blobs. */
export async function leftovers(vault: Vault, tenant: string): Promise<{ rows: number; keys: number; blobs: number }> {
  const rows = await vault.ledger.everyDocument(tenant as TenantId, { limit: 1_000 })
  const keys = await vault.wrappedKeys.list({ limit: 1_000 })
  const blobs = await Array.fromAsync(vault.blobs.list(Date.now() + 60_000))
  return { rows: rows.length, keys: keys.length, blobs: blobs.length }
}
