import { holdsDocument } from './hold.ts'
import type { DocumentId } from './ids.ts'
import type { PaperType } from './media.ts'
import type { RetentionPolicy, RetentionRule } from './policy.ts'
import {
  closedSince,
  closingOf,
  deletionAskedSince,
  isWhollyHeld,
  requestFactsOf,
  type Subject,
  unansweredSince,
} from './subject.ts'
import { type Fact, promptBeforeShreddingMs, promptWithinMs, surelySince } from './telling.ts'
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
  /**
   * The first day, and its first instant, on which it would be due if what was told late counted from shortly before it was
   * told: until then a person has to approve that it is destroyed. Absent where nothing was told late.
   */
  readonly sureOn?: string
  readonly sureAtMs?: number
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
  const facts = factsOf(subject)
  if (!facts) {
    const { basis } = today.rule
    return { ground: 'relationship', basis, policyVersion: today.policy.version, zone: today.policy.zone, heldBy }
  }
  const { ground, policy, rule, dueOn, dueAtMs } = termOf(rules, facts, asTold)
  const sure = areTellingsPrompt(rules, facts) ? undefined : termOf(rules, facts, surelySince)
  return {
    ground,
    basis: rule.basis,
    policyVersion: policy.version,
    dueOn: dueOn.toString(),
    dueAtMs,
    ...(sure && sure.dueAtMs > dueAtMs ? { sureOn: sure.dueOn.toString(), sureAtMs: sure.dueAtMs } : {}),
    zone: policy.zone,
    heldBy,
  }
}

/** What clocks run from, as the platform told it. */
interface Facts {
  readonly closing: Fact
  readonly requests: readonly Fact[]
}

function factsOf(subject: Subject): Facts | undefined {
  const closing = closingOf(subject)
  return closing && { closing, requests: requestFactsOf(subject) }
}

/** From when on a fact counts. @param withinMs how long after it a telling is prompt */
type Count = (fact: Fact, withinMs: number) => number

const asTold: Count = ({ atMs }) => atMs

/** Whether nothing was told so late that it could matter to any of these clocks. */
function areTellingsPrompt(clocks: readonly Clock[], { closing, requests }: Facts): boolean {
  const withinMs = Math.min(...clocks.map(({ policy }) => promptBeforeShreddingMs(policy.deletion)))
  return [closing, ...requests].every(fact => surelySince(fact, withinMs) === fact.atMs)
}

/**
 * Whether a paper that is due is destroyed only under a plan that another person approved: it would not be due if each fact that
 * its clock runs from were no older than it may be when it is told. Whoever can tell facts in the platform's name could
 * else date the end of everybody back, and have everything destroyed in a night.
 */
export function waitsForPerson({ sureAtMs }: Retention, nowMs: number): boolean {
  return sureAtMs !== undefined && nowMs < sureAtMs
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
  const facts = factsOf(subject)
  if (!facts || isWhollyHeld(subject)) return undefined
  const due: number[] = []
  for (const { version, rules } of tenant.policies.values()) {
    for (const type of rules.keys()) {
      const clocks = policiesSince(tenant, version).flatMap(policy => ruleIn(policy, type))
      if (clocks.length > 0) due.push(termOf(clocks, facts, asTold).dueAtMs)
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

/** Whoever's time for an answer began before this has it over by now: the latest of what any version of the policy says. */
export function answersOverdueBeforeMs(tenant: Tenant, nowMs: number): number | undefined {
  const bounds = [...tenant.policies.values()].map(
    ({ zone, deletion }) =>
      startOf(dayOf(nowMs, zone).subtract({ days: deletion.answerDays - 1 }), zone).epochMilliseconds,
  )
  return bounds.length === 0 ? undefined : Math.max(...bounds)
}

type Clock = { readonly policy: RetentionPolicy; readonly rule: RetentionRule }

/** @param clocks the rule of each version in force since the paper came, ascending; at least one */
function termOf(clocks: readonly Clock[], facts: Facts, count: Count): Term {
  const promised = clocks.map(clock => promisedBy(clock, facts, count)).reduce(earlier)
  const law = clocks.reduce((_, clock) => clock)
  if (law.rule.floorYears === 0) return promised
  const closedAtMs = count(facts.closing, promptWithinMs)
  const floor = term('floor', law, yearsAfter(closedAtMs, law.policy.zone, law.rule.floorYears))
  return floor.dueAtMs > promised.dueAtMs ? floor : promised
}

function promisedBy(clock: Clock, { closing, requests }: Facts, count: Count): Term {
  const { policy, rule } = clock
  const closedAtMs = count(closing, promptWithinMs)
  const full = term('term', clock, yearsAfter(closedAtMs, policy.zone, rule.years))
  if (requests.length === 0) return full
  const withinMs = promptBeforeShreddingMs(policy.deletion)
  const askedAtMs = Math.min(...requests.map(fact => count(fact, withinMs)))
  const since = dayOf(Math.max(askedAtMs, count(closing, withinMs)), policy.zone)
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
