import type { Caller } from '../domain/caller.ts'
import type { Refusal } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'

const hourMs = 3_600_000

/**
 * Counts one look against the caller's hour. The first look past the budget also leaves an alert in the trail, so that
 * somebody who reads everything is seen while they are at it.
 */
export async function refuseOverBudget(vault: Vault, caller: Caller): Promise<Refusal | undefined> {
  const nowMs = vault.clock.nowMs()
  const hour = nowMs - (nowMs % hourMs)
  const key = `reads/${caller.tenant ?? ''}/${caller.id}`
  const limit = vault.readBudgetPerHour
  const { granted } = await vault.budgets.spend(key, hour, 1, limit)
  if (granted) return undefined
  const alert = await vault.budgets.spend(`alert/${key}`, hour, 1, 1)
  if (alert.granted) {
    await vault.trail.append([{ act: 'alert.reads', out: 'note', why: 'budget.reads', caller, detail: { limit } }])
    vault.log.warn('read budget used up', { ...(caller.tenant === undefined ? {} : { tenant: caller.tenant }) })
  }
  return { code: 'budget.reads', facts: { limit, retryAfterSeconds: Math.ceil((hour + hourMs - nowMs) / 1_000) } }
}
