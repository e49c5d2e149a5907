import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { PersonId, TenantId } from '../domain/ids.ts'
import { admit, close, codeOf } from '../guards/admit.ts'
import { openLogsAfterRestore } from '../guards/log-after-restore.ts'
import type { Vault } from '../guards/vault.ts'
import type { DestroyedMark } from '../ports/destroyed.ts'
import { replayMarks } from './replay-marks.ts'
import { findUndone } from './undone-marks.ts'

/** What a restore had brought back, and what was done about it. */
export interface RestoreReport {
  /** Marks on the list. */
  readonly marks: number
  /** Papers destroyed or put on record anew. */
  readonly replayed: number
  /** Logs that were opened, since the end of the ones before is lost. */
  readonly opened: readonly string[]
}

const atOnce = 256

/**
 * Makes a vault whose stores were restored hold no paper that was destroyed: replays the list that no backup restores, each
 * paper with an entry of its own, and goes on in new logs where the trail lost its end. Changes nothing where nothing is undone.
 * It is for a vault that is not served, and may be repeated.
 *
 * @param onProgress told after each portion, with how many papers there are in all
 * @throws {VaultError} config.invalid - the list names a tenant that is not configured
 * @throws {VaultError} *.unavailable, storage.full - a store does not answer; do it again
 */
export async function restoreCheck(
  vault: Vault,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<RestoreReport> {
  const { marks, again, lostLogs } = await findUndone(vault, signal)
  if (again.length === 0) return { marks, replayed: 0, opened: [] }
  const byTenant = Map.groupBy(again, ({ tenant }) => tenant)
  requireTenants(vault, [...byTenant.keys()])
  const owners = [undefined, ...vault.tenants.keys()]
  const opened = lostLogs.length === 0 ? [] : await openLogsAfterRestore(vault, owners, lostLogs)
  const { grant } = await admit(vault, callerOf(vault, undefined), {
    action: 'restore.check',
    resource: { known: true },
    detail: { marks, undone: again.length, opened },
  })
  let replayed = 0
  try {
    for (const [tenant, ofTenant] of byTenant) {
      await replayAll(vault, tenant, ofTenant, signal, count => {
        replayed += count
        onProgress(replayed, again.length)
      })
    }
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error), detail: { replayed } }, error)
    throw error
  }
  await close(vault, grant, { out: 'done', detail: { replayed } })
  return { marks, replayed, opened }
}

async function replayAll(
  vault: Vault,
  id: TenantId,
  marks: readonly DestroyedMark[],
  signal: AbortSignal,
  onDone: (count: number) => void,
): Promise<void> {
  const tenant = vault.tenants.get(id)
  if (!tenant) return
  for (let at = 0; at < marks.length; at += atOnce) {
    signal.throwIfAborted()
    const some = marks.slice(at, at + atOnce)
    await replayMarks(vault, tenant, callerOf(vault, id), some)
    onDone(some.length)
  }
}

function requireTenants({ tenants }: Vault, ids: readonly TenantId[]): void {
  const problems = ids
    .filter(id => !tenants.has(id))
    .map(id => ({ field: 'VAULT_TENANTS', message: `lacks ${id}, whose papers were destroyed before the restore` }))
  if (problems.length > 0) throw new VaultError('config.invalid', { problems })
}

function callerOf({ instance }: Vault, tenant: TenantId | undefined): Caller {
  return {
    kind: 'job',
    id: 'vault-restore-check' as PersonId,
    tenant,
    roles: ['system'],
    auth: 'system',
    credential: 'restore-check',
    requestId: `restore-check-${instance}`,
  }
}
