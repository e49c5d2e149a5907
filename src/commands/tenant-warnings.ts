import { remarksOn } from '../domain/deployment.ts'
import type { TenantId } from '../domain/ids.ts'
import type { Tenant } from '../domain/tenant.ts'
import type { Log } from '../ports/log.ts'
import { complain } from './command.ts'

/** Says what an operator should know of the tenants: in the log, a line for each member of a policy; a person at a terminal is told in words instead. */
export function warnOfTenants(tenants: ReadonlyMap<TenantId, Tenant>, log: Log): void {
  if (process.stderr.isTTY) {
    const remarks = [...tenants.values()].flatMap(remarksOn)
    for (const { field, message } of remarks) complain(`${field} ${message}`)
    return
  }
  for (const { id: tenant, lacking, demo } of tenants.values()) {
    for (const member of lacking) log.warn('tenant inactive: its policy lacks a member', { tenant, member })
    for (const member of demo) log.warn('tenant for trying out: nobody has confirmed a reference', { tenant, member })
  }
}
