import type { TenantId } from '../domain/ids.ts'
import type { RetentionState } from '../domain/purge-run.ts'
import type { Tenant } from '../domain/tenant.ts'
import type { Refusal } from '../guards/admit.ts'
import { type Clocked, isClockTrusted } from '../guards/trusted-clock.ts'
import type { Change } from '../ports/ledger.ts'

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
