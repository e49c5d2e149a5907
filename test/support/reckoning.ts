import { readFileSync } from 'node:fs'

/**
 * When a paper is due, reckoned once more and by other means than the vault: three numbers of a date, in a zone that has been
 * seven hours ahead of UTC since 1964 and knows no summer time. It judges the histories.
 */
const jakartaMs = 7 * 3_600_000
const dayMs = 86_400_000

export interface Facts {
  readonly closed?: number
  readonly reopened?: number
  /** Every time the person asked to be deleted. */
  readonly asked?: readonly number[]
  /** When the vault was first told of a closing or a request, by `nameOf`: between these two, as far as the client knows. */
  readonly told?: ReadonlyMap<string, { readonly firstMs: number; readonly lastMs: number }>
}

/** The name of a fact that a clock runs from. */
export function nameOf(type: string, atMs: number): string {
  return `${type} ${atMs}`
}

interface Clause {
  readonly years: number
  readonly floorYears: number
  readonly onDeletion: 'floor' | 'shred'
}

/** What the published file of a tenant says of its clocks. */
export interface Clauses {
  readonly retention: Readonly<Record<string, Clause>>
  readonly shredAfterDays: number
  readonly holds: readonly string[]
}

export function clausesOf(tenant: string): Clauses {
  const policy = JSON.parse(readFileSync(new URL(`../../infra/tenants/${tenant}.json`, import.meta.url), 'utf8'))
  if (policy.zone !== 'Asia/Jakarta' || policy.version !== 1)
    throw new Error('this reckoning knows Jakarta and version 1 only')
  return { retention: policy.retention, shredAfterDays: policy.deletion.shredAfterDays, holds: policy.holds }
}

/** The first instant at which a paper of the type may be destroyed; undefined while the account is open. */
export function dueAt(clauses: Clauses, type: string, facts: Facts): number | undefined {
  return reckon(clauses, type, facts, (_, at) => at)
}

/**
 * The same where nobody approves it: a fact that was told late is no older than a week when it is told, and towards a shredding
 * no older than half the days that lie before it.
 */
export function sureAt(
  clauses: Clauses,
  type: string,
  facts: Facts,
  telling: 'firstMs' | 'lastMs',
): number | undefined {
  return reckon(clauses, type, facts, (of, at, mostDays) => {
    const told = facts.told?.get(nameOf(of, at))?.[telling] ?? at
    return Math.max(at, told - mostDays * dayMs)
  })
}

function reckon(
  { retention, shredAfterDays }: Clauses,
  type: string,
  facts: Facts,
  since: (of: string, at: number, mostDays: number) => number,
): number | undefined {
  const clause = retention[type]
  if (!clause) throw new Error('no such paper')
  const { closed, reopened = Number.NEGATIVE_INFINITY } = facts
  if (closed === undefined || closed <= reopened) return undefined
  const ended = since('closed', closed, 7)
  const term = afterYears(ended, clause.years)
  const floor = clause.floorYears === 0 ? 0 : afterYears(ended, clause.floorYears)
  const half = Math.min(7, shredAfterDays / 2)
  const requests = (facts.asked ?? []).filter(at => at > reopened)
  const asked = Math.min(...requests.map(at => since('deletion.requested', at, half)))
  if (!Number.isFinite(asked)) return Math.max(term, floor)
  const shred = midnight(Math.max(asked, since('closed', closed, half))) + shredAfterDays * dayMs
  const left = clause.onDeletion === 'floor' && floor >= shred ? floor : shred
  return Math.max(Math.min(term, left), floor)
}

function midnight(atMs: number): number {
  const local = new Date(atMs + jakartaMs)
  return Date.UTC(local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate()) - jakartaMs
}

/** The day after the anniversary; that of the 29th of February is the 28th where the year has no 29th. */
function afterYears(atMs: number, years: number): number {
  const local = new Date(atMs + jakartaMs)
  const [year, month, day] = [local.getUTCFullYear() + years, local.getUTCMonth(), local.getUTCDate()]
  const last = new Date(Date.UTC(year, month + 1, 0)).getUTCDate()
  return Date.UTC(year, month, Math.min(day, last)) + dayMs - jakartaMs
}
