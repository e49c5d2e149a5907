import type { TenantId } from '../domain/ids.ts'
import { admit, close, codeOf } from '../guards/admit.ts'
import { isClockTrusted } from '../guards/trusted-clock.ts'
import type { Vault } from '../guards/vault.ts'
import { upkeepCaller } from './upkeep-caller.ts'

const atOnce = 100

/**
 * Deletes idempotency answers of a tenant whose seven days are over, by a clock that is trusted: what is forgotten too early makes
 * a request that is sent again a second deed.
 *
 * @returns how many were deleted
 */
export async function forgetAnswers(vault: Vault, tenant: TenantId, signal: AbortSignal): Promise<number> {
  let forgotten = 0
  while (!signal.aborted && (await isClockTrusted(vault, tenant))) {
    const ended = await vault.ledger.listExpiredAnswers(tenant, vault.clock.nowMs(), atOnce)
    // An open one belongs to a deposit under way; the sweep of deposits ends it together with its row.
    const done = ended.filter(answer => answer.state === 'done')
    if (done.length === 0) return forgotten
    const caller = upkeepCaller(vault, 'forget-answers', tenant)
    const { grant } = await admit(vault, caller, {
      action: 'deposit.sweep',
      resource: { known: true },
      detail: { answers: done.length },
    })
    let gone = 0
    try {
      for (const { key, version } of done) {
        const committed = await vault.ledger.commit(grant, [{ row: 'answer', expected: version, forget: { key } }])
        if (committed.done) gone++
      }
      await close(vault, grant, { out: 'done', detail: { answers: gone } })
    } catch (error) {
      await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
      throw error
    }
    forgotten += gone
    if (ended.length < atOnce || gone === 0) return forgotten
  }
  return forgotten
}
