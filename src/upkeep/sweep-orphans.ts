import { blobKeyOf } from '../domain/document.ts'
import type { MessageId } from '../domain/ids.ts'
import { admit, close, codeOf } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'
import { checkEntries } from './check-entries.ts'
import { noCounts } from './checking.ts'
import { upkeepCaller } from './upkeep-caller.ts'

const atOnce = 256
const dayMs = 86_400_000
const keyName = /^doc\/([0-9a-f]{64})$/
const blobName = /^v1\/[0-9a-f]{2}\/[0-9a-f]{64}$/

/**
 * Deletes blobs and wrapped keys older than a day that no row names. There are none while everything works: this finds what a
 * restored backup or a stranger left behind. While rows are missing that the trail tells of, nothing is deleted. Names that are
 * not the vault's are left alone; `check` reports them.
 *
 * @returns how many of each were deleted
 */
export async function sweepOrphans(
  vault: Vault,
  signal: AbortSignal,
): Promise<{ readonly blobs: number; readonly keys: number }> {
  const beforeMs = vault.clock.nowMs() - dayMs
  const blobs = await orphanBlobs(vault, beforeMs, signal)
  const keys = await orphanKeys(vault, beforeMs, signal)
  if (signal.aborted || blobs.length + keys.length === 0) return { blobs: 0, keys: 0 }
  if (await hasLostRows(vault, signal)) {
    vault.log.error('rows are missing: orphans are kept', { job: 'sweep-orphans', count: blobs.length + keys.length })
    return { blobs: 0, keys: 0 }
  }
  const caller = upkeepCaller(vault, 'sweep-orphans', undefined)
  const detail = { blobs: blobs.length, keys: keys.length }
  const { grant } = await admit(vault, caller, { action: 'deposit.sweep', resource: { known: true }, detail })
  try {
    for (let at = 0; at < keys.length; at += atOnce) {
      await vault.wrappedKeys.destroy(grant, keys.slice(at, at + atOnce))
    }
    for (const key of blobs) await vault.blobs.delete(grant, key)
    await close(vault, grant, { out: 'done', detail })
    return detail
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}

/**
 * True when the trail tells of papers that have no row, as after an older ledger was put back: then what looks like an orphan
 * may be the last of a paper that somebody is owed.
 */
async function hasLostRows(vault: Vault, signal: AbortSignal): Promise<boolean> {
  const findings = checkEntries(vault, { quick: true, signal, counts: noCounts() })
  for await (const { code } of findings) if (code === 'document.lost') return true
  return false
}

async function orphanBlobs(vault: Vault, beforeMs: number, signal: AbortSignal): Promise<readonly string[]> {
  const orphans: string[] = []
  let batch: string[] = []
  const judge = async (): Promise<void> => {
    const named = await vault.ledger.namedBlobs(batch)
    orphans.push(...batch.filter(key => !named.has(key)))
    batch = []
  }
  for await (const { key } of vault.blobs.list(beforeMs)) {
    if (signal.aborted) return []
    if (blobName.test(key)) batch.push(key)
    if (batch.length === atOnce) await judge()
  }
  if (batch.length > 0) await judge()
  return orphans
}

async function orphanKeys(vault: Vault, beforeMs: number, signal: AbortSignal): Promise<readonly string[]> {
  const orphans: string[] = []
  let after: string | undefined
  while (!signal.aborted) {
    const page = await vault.wrappedKeys.list({ limit: atOnce, ...(after === undefined ? {} : { after }) })
    const blobOf = new Map<string, string>()
    for (const { id, createdAtMs } of page) {
      const name = keyName.exec(id)?.[1]
      if (name !== undefined && createdAtMs < beforeMs) blobOf.set(id, blobKeyOf(name as MessageId))
    }
    const named = await vault.ledger.namedBlobs([...blobOf.values()])
    for (const [id, blobKey] of blobOf) if (!named.has(blobKey)) orphans.push(id)
    after = page.at(-1)?.id
    if (page.length < atOnce) break
  }
  return orphans
}
