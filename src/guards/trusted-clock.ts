import { VaultError } from '../domain/errors.ts'
import type { TenantId } from '../domain/ids.ts'
import { purgeLimits, type RetentionState } from '../domain/purge-run.ts'
import type { Vault } from './vault.ts'

/** What the clock is held against. */
export type Clocked = Pick<Vault, 'ledger' | 'clock'>

/**
 * Whether a purge may believe this machine's clock: within five minutes of the database server's, or, where there is none,
 * not before the time it was trusted last and at most 35 days after it; or when two people said so within a day. A clock
 * that was never asked is believed: there is nothing to hold it against.
 */
export async function isClockTrusted(vault: Clocked, tenant: TenantId): Promise<boolean> {
  return (await timeIfTrusted(vault, tenant)) !== undefined
}

/**
 * The time, as what is kept of the clock may be told of it: a clock can leap between two questions.
 *
 * @throws {VaultError} purge.clock - the clock is not trusted any more
 */
export async function trustedTime(vault: Clocked, tenant: TenantId): Promise<number> {
  const nowMs = await timeIfTrusted(vault, tenant)
  if (nowMs === undefined) throw new VaultError('purge.clock')
  return nowMs
}

async function timeIfTrusted({ ledger, clock }: Clocked, tenant: TenantId): Promise<number | undefined> {
  const [state, serverMs] = await Promise.all([ledger.findRetentionState(tenant), ledger.serverNowMs()])
  const nowMs = clock.nowMs()
  return isRight(nowMs, state, serverMs) ? nowMs : undefined
}

function isRight(nowMs: number, state: RetentionState | undefined, serverMs: number | undefined): boolean {
  if (isWithin(nowMs, state?.confirmedMs, purgeLimits.clockConfirmedMs)) return true
  if (serverMs !== undefined) return Math.abs(nowMs - serverMs) <= purgeLimits.clockSkewMs
  return state === undefined || isWithin(nowMs, state.trustedMs, purgeLimits.clockLeapMs)
}

function isWithin(nowMs: number, fromMs: number | undefined, forMs: number): boolean {
  return fromMs !== undefined && nowMs >= fromMs && nowMs <= fromMs + forMs
}

/** How far from the true time a clock may be that is trusted: what a denial or the like ends by is forgotten so much later. */
export async function clockSlackMs({ ledger }: Pick<Clocked, 'ledger'>): Promise<number> {
  return (await ledger.serverNowMs()) === undefined ? purgeLimits.clockLeapMs : purgeLimits.clockSkewMs
}
