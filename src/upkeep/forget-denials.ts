import type { TenantId } from '../domain/ids.ts'
import { admit, close, codeOf } from '../guards/admit.ts'
import { clockSlackMs, isClockTrusted } from '../guards/trusted-clock.ts'
import type { Vault } from '../guards/vault.ts'
import { upkeepCaller } from './upkeep-caller.ts'

const atOnce = 100

/**
 * Deletes denials of a tenant that no token can need any more, also if the clock, which has to be trusted, is as far ahead as one
 * may be that is: a token whose denial is forgotten too early counts again when the clock is put right.
 *
 * @returns how many were deleted
 */
export async function forgetDenials(vault: Vault, tenant: TenantId, signal: AbortSignal): Promise<number> {
  let forgotten = 0
  while (!signal.aborted && (await isClockTrusted(vault, tenant))) {
    const asOfMs = vault.clock.nowMs() - (await clockSlackMs(vault))
    const ended = await vault.ledger.listExpiredDenials(tenant, asOfMs, atOnce)
    if (ended.length === 0) return forgotten
    const caller = upkeepCaller(vault, 'forget-denials', tenant)
    const { grant } = await admit(vault, caller, {
      action: 'caller.sweep',
      resource: { known: true },
      detail: { denials: ended.length },
    })
    let gone = 0
    try {
      for (const { id, version } of ended) {
        // One that was denied anew meanwhile has another version, and stays.
        const change = { row: 'denied-token', expected: version, forget: { tenant, id } } as const
        if ((await vault.ledger.commit(grant, [change])).done) gone++
      }
      await close(vault, grant, { out: 'done', detail: { denials: gone } })
    } catch (error) {
      await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
      throw error
    }
    forgotten += gone
    if (ended.length < atOnce || gone === 0) return forgotten
  }
  return forgotten
}
