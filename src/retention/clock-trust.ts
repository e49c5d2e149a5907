import { VaultError } from '../domain/errors.ts'
import type { TenantId } from '../domain/ids.ts'
import { purgeLimits, type RetentionState } from '../domain/purge-run.ts'
import type { Tenant } from '../domain/tenant.ts'
import type { Refusal } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'
import type { Change } from '../ports/ledger.ts'

type Clocked = Pick<Vault, 'ledger' | 'clock'>

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

/** The refusal of whatever destroys, plans or reckons by a clock that is not trusted. */
export async function refuseClock(vault: Clocked, tenant: TenantId): Promise<Refusal | undefined> {
  return (await isClockTrusted(vault, tenant)) ? undefined : { code: 'purge.clock' }
}

/** What is kept of the tenant's clock, or how it begins: with today's time, and with clocks that were never reckoned. */
export async function retentionStateOf({ ledger, clock }: Clocked, tenant: Tenant): Promise<RetentionState> {
  const known = await ledger.findRetentionState(tenant.id)
  return known ?? { tenant: tenant.id, policyVersion: 0, trustedMs: clock.nowMs(), version: 0 }
}

/** The state with what a verb learnt; the time that is trusted moves forward only. */
export function stateChange(
  state: RetentionState,
  learnt: Partial<
    Pick<RetentionState, 'policyVersion' | 'clocks' | 'againMs' | 'trustedMs' | 'confirmedMs' | 'scheduledMs'>
  >,
): Change {
  const put = { ...state, ...learnt, version: state.version + 1 }
  return { row: 'retention', expected: state.version, put }
}
