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

/** Leaves them in the log, a line for each member of a policy; a person at a terminal is told in words instead. */
export function warnOfTenants(tenants: ReadonlyMap<TenantId, Tenant>, log: Log): void {
  if (process.stderr.isTTY) {
    for (const line of tenantWarnings(tenants)) complain(line)
    return
  }
  for (const { id: tenant, lacking, demo } of tenants.values()) {
    for (const member of lacking) log.warn('tenant inactive: its policy lacks a member', { tenant, member })
    for (const member of demo) log.warn('tenant for trying out: nobody has confirmed a reference', { tenant, member })
  }
}
