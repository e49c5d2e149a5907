import type { Caller } from '../domain/caller.ts'
import { type AbandonedDocument, type DepositingDocument, type Document, wrappedKeyId } from '../domain/document.ts'
import type { Grant } from '../domain/grant.ts'
import type { TenantId } from '../domain/ids.ts'
import { abandonment } from '../guards/abandon.ts'
import { admit, close, codeOf, isLive, settle } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'
import { upkeepCaller } from './upkeep-caller.ts'

const atOnce = 100

/**
 * Ends the attempts to store that ran out of time or failed. A row is moved to `abandoned` first, so that a late attempt
 * loses its last commit; only then are key and blob deleted, and the row goes last: whatever a crash leaves is still named.
 *
 * @returns how many attempts were cleared away
 */
export async function sweepDeposits(vault: Vault, tenant: TenantId, signal: AbortSignal): Promise<number> {
  const caller = upkeepCaller(vault, 'sweep-deposits', tenant)
  let swept = 0
  while (!signal.aborted) {
    const overdue = await vault.ledger.listOverdue(tenant, vault.clock.nowMs(), atOnce)
    const before = swept
    for (const document of overdue) {
      if (signal.aborted) return swept
      if (await sweepOne(vault, caller, document)) swept++
    }
    // Where nothing could be cleared away, the same would come again: the next run tries them again.
    if (overdue.length < atOnce || swept === before) break
  }
  return swept
}

async function sweepOne(vault: Vault, caller: Caller, document: Document): Promise<boolean> {
  if (document.state !== 'depositing' && document.state !== 'abandoned') return false
  const { grant } = await admit(vault, caller, {
    action: 'deposit.sweep',
    resource: { known: true },
    document: document.id,
    subject: document.subject,
  })
  try {
    const abandoned = document.state === 'abandoned' ? document : await abandon(vault, grant, document)
    if (!abandoned) {
      await close(vault, grant, { out: 'done', why: 'unfinished' })
      return false
    }
    await vault.wrappedKeys.destroy(grant, [wrappedKeyId(abandoned.messageId)])
    await vault.blobs.delete(grant, abandoned.blobKey)
    const settlement = await settle(vault, grant, { out: 'done' })
    const { tenant, id, version } = abandoned
    const gone = await vault.ledger.commit(settlement, [{ row: 'document', expected: version, forget: { tenant, id } }])
    return gone.done
  } catch (error) {
    if (isLive(grant)) await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    vault.log.warn('deposit not swept', { code: codeOf(error), job: 'sweep-deposits' })
    return false
  }
}

/** Takes the row from the attempt and frees its idempotency key; undefined when the attempt was published meanwhile. */
async function abandon(
  vault: Vault,
  grant: Grant<'deposit.sweep'>,
  document: DepositingDocument,
): Promise<AbandonedDocument | undefined> {
  const { abandoned, changes } = await abandonment(vault, document)
  const committed = await vault.ledger.commit(grant, changes)
  return committed.done ? abandoned : undefined
}
