import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { PurgeRunId } from '../domain/ids.ts'
import { areTwoPersons } from '../domain/person.ts'
import type { PurgeRun } from '../domain/purge-run.ts'
import { type PurgeRunView, viewRun } from '../domain/purge-view.ts'
import { admit, close, codeOf, type Refusal } from '../guards/admit.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'
import { purgePersons } from './purge-caller.ts'

export interface ApprovePurgeInput {
  readonly run: PurgeRunId
  /** The hash of the list that was looked at: an approval is of that list and no other. */
  readonly planHash: string
}

/**
 * Another person than the one who planned it says that exactly this list may be destroyed. Approving it again changes nothing.
 *
 * @throws {VaultError} purge.unknown - this tenant has no such run
 * @throws {VaultError} purge.same-person - the caller planned it, or is no person
 * @throws {VaultError} purge.stale - the hash is of another list, or its time is over
 * @throws {VaultError} purge.state - it is beyond approval
 */
export async function approvePurge(vault: Vault, caller: Caller, input: ApprovePurgeInput): Promise<PurgeRunView> {
  const tenant = tenantOf(vault, caller)
  const run = await vault.ledger.findRun(tenant.id, input.run)
  const { grant } = await admit(vault, caller, {
    action: 'purge.approve',
    resource: { known: run !== undefined, unknownCode: 'purge.unknown' },
    ...(run ? { detail: { run: run.id, hash: run.planHash, count: run.count } } : {}),
    refuse: () => refuseApproval(run, caller, input.planHash, vault.clock.nowMs()),
  })
  try {
    if (!run) throw new VaultError('purge.unknown')
    const approved: PurgeRun =
      run.state === 'approved' ? run : { ...run, state: 'approved', approvedBy: caller.id, version: run.version + 1 }
    if (approved !== run) {
      const committed = await vault.ledger.commit(grant, [{ row: 'run', expected: run.version, put: approved }])
      if (!committed.done) throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
    }
    await close(vault, grant, { out: 'done', detail: { run: run.id, ...(approved === run ? { again: true } : {}) } })
    return viewRun(approved, vault.clock.nowMs())
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}

function refuseApproval(
  run: PurgeRun | undefined,
  caller: Caller,
  planHash: string,
  nowMs: number,
): Refusal | undefined {
  if (!run) return { code: 'purge.unknown' }
  const { plannedBy } = run
  const another = plannedBy !== caller.id && (purgePersons.has(plannedBy) || areTwoPersons(plannedBy, caller.id))
  if (caller.kind !== 'person' || !another) return { code: 'purge.same-person' }
  if (run.planHash !== planHash || run.state === 'stale' || run.expiresAtMs <= nowMs) return { code: 'purge.stale' }
  const approvable = run.state === 'planned' || (run.state === 'approved' && run.approvedBy === caller.id)
  return approvable ? undefined : { code: 'purge.state', facts: { detail: run.state } }
}
