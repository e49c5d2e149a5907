import { idPatterns, type TenantId } from './ids.ts'

/**
 * One log holds one tenant's entries of one UTC year; entries without a tenant lie in `_vault/<year>`. After a restored backup
 * the year goes on in `<year>.1`, after the next in `<year>.2`: what the lost end of the log before held is never told anew.
 */
export interface LogName {
  /** Absent for the vault's own log. */
  readonly tenant: TenantId | undefined
  readonly year: number
  /** How many restored backups before it the vault knows of in that year; 0 where none. */
  readonly restored: number
}

const pattern = /^([a-z0-9-]{1,32}|_vault)\/(\d{4})(?:\.([1-9]\d{0,3}))?$/

/** `<tenant>/<year>` of the UTC year in which `timeMs` lies. */
export function logAt(tenant: TenantId | undefined, timeMs: number): string {
  return logNamed({ tenant, year: utcYear(timeMs), restored: 0 })
}

/** `<tenant>/<year>`, or `<tenant>/<year>.<restored>`. */
export function logNamed({ tenant, year, restored }: LogName): string {
  return `${tenant ?? '_vault'}/${String(year).padStart(4, '0')}${restored === 0 ? '' : `.${restored}`}`
}

/** Undefined for anything that names no log. */
export function parseLogName(log: string): LogName | undefined {
  const [, owner, year, restored = '0'] = pattern.exec(log) ?? []
  if (owner === undefined || year === undefined) return undefined
  const tenant = idPatterns.tenant.test(owner) ? (owner as TenantId) : undefined
  return { tenant, year: Number(year), restored: Number(restored) }
}

/** The calendar year in UTC, which a log is named for. */
export function utcYear(timeMs: number): number {
  return new Date(timeMs).getUTCFullYear()
}

/** `<tenant>` or `_vault`; of what names no log, all of it. */
export function ownerOf(log: string): string {
  return parseLogName(log) ? log.slice(0, log.indexOf('/')) : log
}

/** Negative where `one` comes before `other`; among the logs of one owner that is the order in which they were written. */
export function compareLogs(one: string, other: string): number {
  const [a, b] = [parseLogName(one), parseLogName(other)]
  const [ownerA, ownerB] = [ownerOf(one), ownerOf(other)]
  if (!a || !b || ownerA !== ownerB) return ownerA < ownerB ? -1 : Number(ownerA > ownerB)
  return a.year - b.year || a.restored - b.restored
}

/** Those of `logs` that belong to `tenant`, in the order in which they were written. */
export function logsOf(logs: readonly string[], tenant: TenantId | undefined): readonly string[] {
  const owner = tenant ?? '_vault'
  return logs.filter(log => parseLogName(log) !== undefined && ownerOf(log) === owner).toSorted(compareLogs)
}
