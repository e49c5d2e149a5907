import type { Caller } from '../domain/caller.ts'
import type { Refusal } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'

const hourMs = 3_600_000

/** One look counted; what it means is asked once the look would be allowed. */
export type Spending = Promise<{ readonly granted: boolean }>

/**
 * Counts one look against the caller's hour. Begun beside the first look-ups, since a first byte waits for whatever is done one
 * after the other: so a look that is refused for another reason counts too, and only ever against who asked for it.
 */
export function spendRead(vault: Vault, caller: Caller): Spending {
  const spending = vault.budgets.spend(budgetKey(caller), hourOf(vault), 1, vault.readBudgetPerHour)
  // Of a look that is refused by role nobody asks; its failure is nobody's then.
  spending.catch(() => undefined)
  return spending
}

/**
 * The refusal when the hour is used up. The first look past the budget also leaves an alert in the trail, so that somebody who
 * reads everything is seen while they are at it.
 */
export async function refuseOverBudget(vault: Vault, caller: Caller, spending: Spending): Promise<Refusal | undefined> {
  const { granted } = await spending
  if (granted) return undefined
  const hour = hourOf(vault)
  const limit = vault.readBudgetPerHour
  const alert = await vault.budgets.spend(`alert/${budgetKey(caller)}`, hour, 1, 1)
  if (alert.granted) {
    await vault.trail.append([{ act: 'alert.reads', out: 'note', why: 'budget.reads', caller, detail: { limit } }])
    vault.log.warn('read budget used up', { ...(caller.tenant === undefined ? {} : { tenant: caller.tenant }) })
  }
  const retryAfterSeconds = Math.ceil((hour + hourMs - vault.clock.nowMs()) / 1_000)
  return { code: 'budget.reads', facts: { limit, retryAfterSeconds } }
}

const budgetKey = (caller: Caller): string => `reads/${caller.tenant ?? ''}/${caller.id}`

function hourOf({ clock }: Pick<Vault, 'clock'>): number {
  const nowMs = clock.nowMs()
  return nowMs - (nowMs % hourMs)
}
