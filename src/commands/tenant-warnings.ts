import type { TenantId } from '../domain/ids.ts'
import type { Tenant } from '../domain/tenant.ts'
import type { Log } from '../ports/log.ts'
import { complain } from './command.ts'

/** One line for each thing that an operator should know of the tenants before people rely on them. */
export function tenantWarnings(tenants: ReadonlyMap<TenantId, Tenant>): readonly string[] {
  return [...tenants.values()].flatMap(({ id, lacking, demo }) => [
    ...(lacking.length === 0 ? [] : [`tenant ${id} takes no papers: it lacks ${lacking.join(', ')}`]),
    ...(demo.length === 0 ? [] : [`tenant ${id} is for trying out: nobody has confirmed ${demo.join(', ')}`]),
  ])
}

/** Says them where the vault starts, and leaves them in the log. */
export function warnOfTenants(tenants: ReadonlyMap<TenantId, Tenant>, log: Log): void {
  for (const { id: tenant, lacking, demo } of tenants.values()) {
    if (lacking.length > 0) log.warn('tenant inactive', { tenant, count: lacking.length })
    if (demo.length > 0) log.warn('demo references', { tenant, count: demo.length })
  }
  for (const line of tenantWarnings(tenants)) complain(line)
}
