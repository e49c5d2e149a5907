import { Cron } from 'croner'
import { VaultError } from '../domain/errors.ts'
import type { Tenant } from '../domain/tenant.ts'
import { codeOf } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'
import { runPurges } from '../retention/run-purges.ts'

/**
 * One turn of each tenant's purge; what fails for one keeps no other from its own.
 *
 * @returns how many papers were destroyed
 * @throws {VaultError} the first failure, once every tenant had its turn
 */
export async function runPurgesOfAll(vault: Vault, signal: AbortSignal): Promise<number> {
  let destroyed = 0
  let failure: VaultError | undefined
  for (const tenant of vault.tenants.values()) {
    if (signal.aborted) break
    try {
      destroyed += await runPurges(vault, tenant, { signal, nextAfter: ms => nextAfter(tenant, ms) })
    } catch (error) {
      if (codeOf(error) === 'vault.stopping') break
      vault.log.error('purge failed', { job: 'purge', tenant: tenant.id, code: codeOf(error) })
      failure ??= error instanceof VaultError ? error : new VaultError('unexpected', {}, error)
    }
  }
  if (failure) throw failure
  return destroyed
}

/** The first instant of the tenant's schedule after `ms`, on the calendar of its zone. */
export function nextAfter({ purge, zone }: Pick<Tenant, 'purge' | 'zone'>, ms: number): number | undefined {
  const schedule = new Cron(purge.schedule, { mode: '5-part', paused: true, timezone: zone })
  return schedule.nextRun(new Date(ms))?.getTime()
}
