import { idPatterns, type TenantId } from './ids.ts'

/** One log holds one tenant's entries of one UTC year; entries without a tenant lie in `_vault/<year>`. */
export interface LogName {
  /** Absent for the vault's own log. */
  readonly tenant: TenantId | undefined
  readonly year: number
}

const pattern = /^([a-z0-9-]{1,32}|_vault)\/(\d{4})$/

/** `<tenant>/<year>` of the UTC year in which `timeMs` lies. */
export function logAt(tenant: TenantId | undefined, timeMs: number): string {
  return `${tenant ?? '_vault'}/${String(utcYear(timeMs)).padStart(4, '0')}`
}

/** Undefined for anything that names no log. */
export function parseLogName(log: string): LogName | undefined {
  const [, owner, year] = pattern.exec(log) ?? []
  if (owner === undefined || year === undefined) return undefined
  const tenant = idPatterns.tenant.test(owner) ? (owner as TenantId) : undefined
  return { tenant, year: Number(year) }
}

/** The calendar year in UTC, which a log is named for. */
export function utcYear(timeMs: number): number {
  return new Date(timeMs).getUTCFullYear()
}

/** Those of `logs` that belong to `tenant`, earliest year first. */
export function logsOf(logs: readonly string[], tenant: TenantId | undefined): readonly string[] {
  return logs.filter(log => log.slice(0, -5) === (tenant ?? '_vault') && pattern.test(log)).sort()
}
