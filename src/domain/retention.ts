import { holdsDocument } from './hold.ts'
import type { DocumentId } from './ids.ts'
import type { PaperType } from './media.ts'
import type { RetentionPolicy, RetentionRule } from './policy.ts'
import { closedSince, deletionAskedSince, isWhollyHeld, type Subject, unansweredSince } from './subject.ts'
import type { Tenant } from './tenant.ts'

/**
 * Why a paper is kept until its day. `relationship` the account is open · `term` the promised years after closure · `floor`
 * the law's least, after a request to be deleted or where the law outgrew the promise · `shred` nothing keeps it: destroyed
 * before the answer to a request to be deleted is due.
 */
export type RetentionGround = 'relationship' | 'term' | 'floor' | 'shred'

/** What the clock of the law says of one paper. */
export interface Retention {
  readonly ground: RetentionGround
  /** Name of the legal basis in the tenant's policy. */
  readonly basis: string
  /** Version of the policy whose rule decided. */
  readonly policyVersion: number
  /** The first calendar day, `YYYY-MM-DD` in `zone`, on which it may be destroyed; absent while the account is open. */
  readonly dueOn?: string
  /** The first instant of that day. */
  readonly dueAtMs?: number
  readonly zone: string
  /** Numbers of the subject's holds that keep it now, ascending. */
  readonly heldBy: readonly number[]
}

interface Kept {
  readonly id: DocumentId
  readonly type: PaperType
  readonly policyVersion: number
}

interface Term {
  readonly ground: RetentionGround
  readonly policy: RetentionPolicy
  readonly rule: RetentionRule
  readonly dueOn: Temporal.PlainDate
  readonly dueAtMs: number
}

/**
 * The clock of one paper. Of the versions from its own to today's the shortest promise counts, since what was promised is
 * never taken back; never less than what today's law asks for. Undefined when a version it names is not known or has no rule
 * for its type: then nothing may be destroyed, and somebody must look.
 */
export function retentionOf(tenant: Tenant, subject: Subject, document: Kept): Retention | undefined {
  const heldBy = subject.holds.filter(hold => holdsDocument(hold, document.id)).map(({ n }) => n)
  const versions = policiesSince(tenant, document.policyVersion)
  const rules = versions.flatMap(policy => ruleIn(policy, document.type))
  const today = rules.at(-1)
  if (!today || rules.length !== versions.length) return undefined
  const closedAtMs = closedSince(subject)
  if (closedAtMs === undefined) {
    const { basis } = today.rule
    return { ground: 'relationship', basis, policyVersion: today.policy.version, zone: today.policy.zone, heldBy }
  }
  const { ground, policy, rule, dueOn, dueAtMs } = termOf(rules, subject, closedAtMs)
  return {
    ground,
    basis: rule.basis,
    policyVersion: policy.version,
    dueOn: dueOn.toString(),
    dueAtMs,
    zone: policy.zone,
    heldBy,
  }
}

/** `due` at or after the first instant of its day and unheld; `unknown` where no rule is found. */
export function judge(retention: Retention | undefined, nowMs: number): 'due' | 'held' | 'early' | 'unknown' {
  if (!retention) return 'unknown'
  if (retention.dueAtMs === undefined || nowMs < retention.dueAtMs) return 'early'
  return retention.heldBy.length > 0 ? 'held' : 'due'
}

/**
 * The earliest instant at which any paper that this tenant ever took could be due for this subject: a lower bound that needs
 * no look at the papers. Undefined while nothing can become due without another event.
 */
export function earliestLookMs(tenant: Tenant, subject: Subject): number | undefined {
  const closedAtMs = closedSince(subject)
  if (closedAtMs === undefined || isWhollyHeld(subject)) return undefined
  const due: number[] = []
  for (const { version, rules } of tenant.policies.values()) {
    for (const type of rules.keys()) {
      const clocks = policiesSince(tenant, version).flatMap(policy => ruleIn(policy, type))
      if (clocks.length > 0) due.push(termOf(clocks, subject, closedAtMs).dueAtMs)
    }
  }
  return due.length === 0 ? undefined : Math.min(...due)
}

/** The subject with the moment at which the purge has to look at it, as its facts and today's promises have it. */
export function reckoned(tenant: Tenant, subject: Subject): Subject {
  const { lookAtMs: _, ...facts } = subject
  const lookAtMs = earliestLookMs(tenant, facts)
  return lookAtMs === undefined ? facts : { ...facts, lookAtMs }
}

/** The least that today's law asks for one paper. */
export interface LegalFloor {
  /** Name of the legal basis in the tenant's policy. */
  readonly basis: string
  readonly years: number
  /** The first calendar day, `YYYY-MM-DD`, after it; absent while the account is open, when it has not begun to run. */
  readonly endsOn?: string
  readonly endsAtMs?: number
}

/** Undefined where the law asks for nothing, or when no rule is found: `retentionOf` tells the two apart. */
export function floorOf(tenant: Tenant, subject: Subject, document: Kept): LegalFloor | undefined {
  const law = policiesSince(tenant, document.policyVersion)
    .flatMap(policy => ruleIn(policy, document.type))
    .at(-1)
  if (!law || law.rule.floorYears === 0) return undefined
  const { basis, floorYears: years } = law.rule
  const closedAtMs = closedSince(subject)
  if (closedAtMs === undefined) return { basis, years }
  const { dueOn, dueAtMs } = term('floor', law, yearsAfter(closedAtMs, law.policy.zone, years))
  return { basis, years, endsOn: dueOn.toString(), endsAtMs: dueAtMs }
}

/** The calendar day, `YYYY-MM-DD`, that an instant falls on in a zone. */
export function dayIn(atMs: number, zone: string): string {
  return dayOf(atMs, zone).toString()
}

/**
 * When the person who asked to be deleted has an answer at the latest: the shortest time that any version of the policy promised,
 * since nobody knows from the subject alone which of them they were promised. Undefined while nothing is asked or the account is
 * open.
 */
export function deletionAnswerDueMs(tenant: Tenant, subject: Subject): number | undefined {
  const askedAtMs = unansweredSince(subject) ?? deletionAskedSince(subject)
  const closedAtMs = closedSince(subject)
  if (askedAtMs === undefined || closedAtMs === undefined) return undefined
  const sinceMs = Math.max(askedAtMs, closedAtMs)
  const due = [...tenant.policies.values()].map(
    ({ zone, deletion }) => startOf(dayOf(sinceMs, zone).add({ days: deletion.answerDays }), zone).epochMilliseconds,
  )
  return due.length === 0 ? undefined : Math.min(...due)
}

type Clock = { readonly policy: RetentionPolicy; readonly rule: RetentionRule }

/** @param clocks the rule of each version in force since the paper came, ascending; at least one */
function termOf(clocks: readonly Clock[], subject: Subject, closedAtMs: number): Term {
  const promised = clocks.map(clock => promisedBy(clock, subject, closedAtMs)).reduce(earlier)
  const law = clocks.reduce((_, clock) => clock)
  if (law.rule.floorYears === 0) return promised
  const floor = term('floor', law, yearsAfter(closedAtMs, law.policy.zone, law.rule.floorYears))
  return floor.dueAtMs > promised.dueAtMs ? floor : promised
}

function promisedBy(clock: Clock, subject: Subject, closedAtMs: number): Term {
  const { policy, rule } = clock
  const full = term('term', clock, yearsAfter(closedAtMs, policy.zone, rule.years))
  const askedAtMs = deletionAskedSince(subject)
  if (askedAtMs === undefined) return full
  const since = dayOf(Math.max(askedAtMs, closedAtMs), policy.zone)
  const shred = term('shred', clock, since.add({ days: policy.deletion.shredAfterDays }))
  if (rule.onDeletion === 'shred') return earlier(full, shred)
  const floor = term('floor', clock, yearsAfter(closedAtMs, policy.zone, rule.floorYears))
  // A floor that has passed keeps nothing: what is left is destroyed like papers without a basis.
  return earlier(full, floor.dueAtMs >= shred.dueAtMs ? floor : shred)
}

/** The day after the anniversary: the whole of the last day is kept. The 29th of February has its anniversary on the 28th. */
function yearsAfter(atMs: number, zone: string, years: number): Temporal.PlainDate {
  return dayOf(atMs, zone).add({ years }).add({ days: 1 })
}

/** @param day where the zone skipped it, it is due on the next that there was */
function term(ground: RetentionGround, { policy, rule }: Clock, day: Temporal.PlainDate): Term {
  const start = startOf(day, policy.zone)
  return { ground, policy, rule, dueOn: start.toPlainDate(), dueAtMs: start.epochMilliseconds }
}

const earlier = (one: Term, other: Term): Term => (other.dueAtMs < one.dueAtMs ? other : one)

function dayOf(atMs: number, zone: string): Temporal.PlainDate {
  return Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(zone).toPlainDate()
}

/**
 * The instant from which on the day before does not come back. It is midnight; where the clocks are put forward over midnight,
 * the first instant that there is; where they are put back just after it, through the last of the day before again, the second
 * midnight.
 */
function startOf(day: Temporal.PlainDate, zone: string): Temporal.ZonedDateTime {
  const first = day.toZonedDateTime(zone)
  const last = day.toPlainDateTime().toZonedDateTime(zone, { disambiguation: 'later' })
  if (last.epochMilliseconds === first.epochMilliseconds) return first
  const dayBefore = last.subtract({ nanoseconds: 1 }).toPlainDate()
  return Temporal.PlainDate.compare(dayBefore, day) < 0 ? last : first
}

/** Versions from `version` to today's, ascending; empty when `version` itself is not known. */
function policiesSince(tenant: Tenant, version: number): readonly RetentionPolicy[] {
  if (!tenant.policies.has(version)) return []
  return [...tenant.policies.values()].filter(policy => policy.version >= version).sort((a, b) => a.version - b.version)
}

function ruleIn(policy: RetentionPolicy, type: PaperType): readonly Clock[] {
  const rule = policy.rules.get(type)
  return rule ? [{ policy, rule }] : []
}
