import type { Approval } from '../domain/approval.ts'
import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import { admit, close, codeOf } from '../guards/admit.ts'
import { type Beside, besideIn } from '../guards/beside.ts'
import { tenantOf } from '../guards/tenancy.ts'
import { isClockTrusted } from '../guards/trusted-clock.ts'
import type { Vault } from '../guards/vault.ts'
import { retentionStateOf, stateChange } from './clock-trust.ts'

/** Who voted looked at the clock as it was then: by it the vote may be so long ago, and not in the future. */
const voteLivesMs = 10 * 60_000

/** What the vault knows of its clock, for people. */
export interface ClockTrustView {
  /** As this machine tells it now. */
  readonly now: string
  readonly trusted: boolean
}

/**
 * Two people compared the vault's clock with another and say that it is right: it is trusted from now on as after a purge, also
 * where it was set back, and for a day whatever the database's clock says.
 *
 * @param input.second, input.approval the second person, beside the caller or by their vote
 * @throws {VaultError} role.second-person, approval.* - nobody stands beside the caller, or nobody who may
 * @throws {VaultError} approval.ended - the vote is of more than ten minutes ago, or the clock leapt since
 */
export async function confirmClock(vault: Vault, caller: Caller, input: Beside): Promise<ClockTrustView> {
  const tenant = tenantOf(vault, caller)
  const { approval: id } = input
  const approval = id === undefined ? undefined : await vault.ledger.findApproval(tenant.id, id)
  const { grant } = await admit(vault, caller, {
    action: 'purge.confirm-clock',
    resource: { known: true },
    ...besideIn(input),
    target: 'purge-clock',
    detail: { clock: new Date(vault.clock.nowMs()).toISOString() },
    refuse: () => (isOfThisClock(approval, vault.clock.nowMs()) ? undefined : { code: 'approval.ended' }),
  })
  try {
    const nowMs = vault.clock.nowMs()
    const state = await retentionStateOf(vault, tenant)
    const confirmed = stateChange(state, { trustedMs: nowMs, confirmedMs: nowMs })
    const committed = await vault.ledger.commit(grant, [confirmed])
    if (!committed.done) throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
    await close(vault, grant, { out: 'done' })
    return { now: new Date(nowMs).toISOString(), trusted: await isClockTrusted(vault, tenant.id) }
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}

function isOfThisClock(approval: Approval | undefined, nowMs: number): boolean {
  const sinceMs = approval?.votedAtMs === undefined ? 0 : nowMs - approval.votedAtMs
  return sinceMs >= 0 && sinceMs <= voteLivesMs
}
