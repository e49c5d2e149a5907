import { type Hold, type HoldKind, isInForce, isSameCase, maxEventHolds, maxHolds } from './hold.ts'
import type { CaseReference, PersonId, SubjectId, SubjectReference, TenantId } from './ids.ts'
import { type ClockFact, type Fact, factOf, type Telling, withTelling } from './telling.ts'

/**
 * The person a file is about, as one tenant knows them: the aggregate that purges are decided on. Everything that moves a
 * due date or holds a paper lies in this row, so its version decides every race.
 */
export interface Subject {
  readonly id: SubjectId
  readonly tenant: TenantId
  readonly reference: SubjectReference
  /** 0 until the platform says otherwise. */
  readonly tier: number
  /** When the event that set the tier says it happened: a late, older event must not undo a newer one. */
  readonly tierAtMs: number
  readonly openedAtMs: number
  /** When the platform says the account was opened, the earliest it said; absent until it does. */
  readonly accountOpenedAtMs?: number
  /** The latest closing and reopening that the platform told of. */
  readonly closedAtMs?: number
  readonly reopenedAtMs?: number
  /** The latest request of the person to be deleted. */
  readonly deletionAskedAtMs?: number
  /** Requests before it that no reopening ended, ascending; at most 32, the earliest. */
  readonly deletionAskedBeforeMs?: readonly number[]
  /** The request that was answered, by the time it was asked, and when it was answered. */
  readonly deletionAnswered?: { readonly askedAtMs: number; readonly answeredAtMs: number }
  /** When the vault was first told of the closing and the requests above. Absent in the row of an older vault. */
  readonly tellings?: readonly Telling[]
  /** Ascending by `n`, without gaps. */
  readonly holds: readonly Hold[]
  /**
   * When the purge has to look at this subject: no paper of it is due before. Absent while the account is open, while a hold
   * keeps all of its papers, and once nothing of it is left.
   */
  readonly lookAtMs?: number
  /** Who made the subject known here: it is theirs to look up. */
  readonly openedBy: PersonId
  /** Uploads begun on one UTC day; counts towards the quota. */
  readonly uploads: { readonly day: string; readonly count: number }
  readonly version: number
}

/** A subject that is not in the ledger yet: tier 0, no uploads, version 0. */
export function newSubject(of: Pick<Subject, 'id' | 'tenant' | 'reference' | 'openedBy' | 'openedAtMs'>): Subject {
  return { ...of, tier: 0, tierAtMs: 0, holds: [], uploads: { day: '', count: 0 }, version: 0 }
}

/** What a platform tells of the life of a subject; each carries its own time, which may lie long before it arrives. */
export type SubjectEvent =
  | { readonly type: 'opened' | 'closed' | 'reopened' | 'deletion.requested'; readonly atMs: number }
  | { readonly type: 'tier'; readonly atMs: number; readonly tier: number }
  | { readonly type: HoldEventType; readonly atMs: number; readonly case: CaseReference }

export type HoldEventType = keyof typeof holdEvents
/** Which kind of hold an event is about, and whether it begins or ends it. */
export const holdEvents = {
  'dispute.opened': { kind: 'dispute', begins: true },
  'dispute.resolved': { kind: 'dispute', begins: false },
  'withdrawal.pending': { kind: 'withdrawal', begins: true },
  'withdrawal.settled': { kind: 'withdrawal', begins: false },
} as const satisfies Record<string, { kind: HoldKind; begins: boolean }>

/** Whether the event begins or ends a hold. */
export function isHoldEvent(event: SubjectEvent): event is Extract<SubjectEvent, { case: CaseReference }> {
  return Object.hasOwn(holdEvents, event.type)
}

/** Every event type, in the order of a life. */
export const subjectEventTypes = [
  'opened',
  'tier',
  'closed',
  'reopened',
  'dispute.opened',
  'dispute.resolved',
  'withdrawal.pending',
  'withdrawal.settled',
  'deletion.requested',
] as const satisfies readonly SubjectEvent['type'][]

/** So many requests to be deleted are told apart, beside the latest, so that the row stays small. */
const mostRequests = 32

/** Tiers are 0 to this. */
export const maxTier = 9

/** When the relationship ended; absent while it lasts. A closing and a reopening at one instant leave it open. */
export function closedSince({ closedAtMs, reopenedAtMs }: Subject): number | undefined {
  return closedAtMs !== undefined && (reopenedAtMs === undefined || closedAtMs > reopenedAtMs) ? closedAtMs : undefined
}

/** The closing that counts; absent while the relationship lasts. */
export function closingOf(subject: Subject): Fact | undefined {
  const closedAtMs = closedSince(subject)
  return closedAtMs === undefined ? undefined : factOf(subject.tellings, 'closed', closedAtMs)
}

/** Every open request to be deleted, ascending. */
export function requestFactsOf(subject: Subject): readonly Fact[] {
  return requestsOf(subject).map(askedAtMs => factOf(subject.tellings, 'deletion.requested', askedAtMs))
}

/**
 * The request to be deleted that counts: the earliest after the last reopening, with which those before it lapsed. Whoever
 * asks again loses no day by it.
 */
export function deletionAskedSince(subject: Subject): number | undefined {
  return requestsOf(subject)[0]
}

/**
 * The earliest request to be deleted that has no answer yet. An answer is one to every request that was made before it was
 * given; a request that is made after it is answered anew.
 */
export function unansweredSince(subject: Subject): number | undefined {
  const { deletionAnswered: given, reopenedAtMs } = subject
  const stands = given && (reopenedAtMs === undefined || given.askedAtMs > reopenedAtMs)
  return requestsOf(subject).find(askedAtMs => !stands || askedAtMs > given.answeredAtMs)
}

/** Whether the person asked to be deleted and has no answer to that request yet. */
export function isUnanswered(subject: Subject): boolean {
  return unansweredSince(subject) !== undefined
}

/**
 * When the time for an answer began: with the request, or the end of the account where that is later. Undefined where none is
 * asked for, or the account is open. Whichever policy says how long that time is, who began earlier is due no later.
 */
export function answerBeganMs(subject: Subject): number | undefined {
  const askedAtMs = unansweredSince(subject)
  const closedAtMs = closedSince(subject)
  return askedAtMs === undefined || closedAtMs === undefined ? undefined : Math.max(askedAtMs, closedAtMs)
}

/** Requests that no reopening ended, ascending. */
function requestsOf({ deletionAskedAtMs, deletionAskedBeforeMs = [], reopenedAtMs }: Subject): readonly number[] {
  const all = deletionAskedAtMs === undefined ? [] : [...deletionAskedBeforeMs, deletionAskedAtMs]
  return reopenedAtMs === undefined ? all : all.filter(askedAtMs => askedAtMs > reopenedAtMs)
}

/**
 * Why an event cannot be true of this subject; undefined means that it can. Nothing happens before the account was opened,
 * whichever of the two is told first; and an account that was closed is opened again by `reopened`, so that a new life under
 * an old name is never taken for the end of the old one.
 */
export function contradiction(
  subject: Subject,
  event: SubjectEvent,
): 'before-account' | 'opened-late' | 'too-many-holds' | undefined {
  const { accountOpenedAtMs } = subject
  if (event.type === 'opened') return event.atMs > latestOpening(subject) ? 'opened-late' : undefined
  if (accountOpenedAtMs !== undefined && event.atMs < accountOpenedAtMs) return 'before-account'
  if (isHoldEvent(event) && !hasRoom(subject) && !holdOf(subject, event)) return 'too-many-holds'
  return undefined
}

function hasRoom({ holds }: Subject): boolean {
  return holds.length < maxHolds && holds.filter(({ placedBy }) => placedBy === 'event').length < maxEventHolds
}

/** An opening that is told now cannot lie after this: nothing of the account may come before, nor a closing. */
function latestOpening({ accountOpenedAtMs, closedAtMs, ...told }: Subject): number {
  if (accountOpenedAtMs !== undefined) return closedAtMs ?? Number.POSITIVE_INFINITY
  const byEvents = told.holds.filter(hold => hold.placedBy === 'event').map(hold => hold.placedAtMs)
  const facts = [
    closedAtMs,
    told.reopenedAtMs,
    told.deletionAskedBeforeMs?.[0] ?? told.deletionAskedAtMs,
    told.tierAtMs || undefined,
    ...byEvents,
  ]
  return Math.min(...facts.filter(fact => fact !== undefined))
}

/**
 * Applies an event so that any order of arrival ends in the same subject but for the numbering of its holds: of each fact the
 * latest time counts, of openings the earliest, and of two tiers at one instant the higher. The latest closing counts, since
 * whoever tells of it says that the account lasted until then, and a paper that is destroyed too early never comes back.
 * `lookAtMs` is left to the caller, who knows the tenant's promises.
 *
 * @param toldAtMs when the vault is told of it, by its own clock
 */
export function applyEvent(subject: Subject, event: SubjectEvent, toldAtMs: number): Subject {
  const applied = withFact(subject, event)
  if (event.type !== 'closed' && event.type !== 'deletion.requested') return withTellings(applied, subject.tellings)
  const told = { of: event.type, atMs: event.atMs, toldAtMs }
  return withTellings(applied, withTelling(subject.tellings, told, !hasFact(subject, told)))
}

/** With what was told of the facts that the row still has. */
function withTellings(subject: Subject, told: readonly Telling[] = []): Subject {
  const { tellings: _, ...facts } = subject
  const tellings = told.filter(one => hasFact(facts, one))
  return tellings.length === 0 ? facts : { ...facts, tellings }
}

/** Whether the row has this fact still. */
export function hasFact(subject: Subject, { of, atMs }: { readonly of: ClockFact; readonly atMs: number }): boolean {
  const { closedAtMs, deletionAskedAtMs, deletionAskedBeforeMs = [] } = subject
  return of === 'closed' ? closedAtMs === atMs : deletionAskedAtMs === atMs || deletionAskedBeforeMs.includes(atMs)
}

function withFact(subject: Subject, event: SubjectEvent): Subject {
  const openedAtMs = Math.min(subject.openedAtMs, event.atMs)
  const known = { ...subject, openedAtMs, version: subject.version + 1 }
  if (isHoldEvent(event)) return { ...known, holds: applyToHolds(subject, event) }
  switch (event.type) {
    case 'opened':
      return { ...known, accountOpenedAtMs: Math.min(subject.accountOpenedAtMs ?? event.atMs, event.atMs) }
    case 'closed':
      return { ...known, closedAtMs: latest(subject.closedAtMs, event.atMs) }
    case 'reopened':
      return withRequests({ ...known, reopenedAtMs: latest(subject.reopenedAtMs, event.atMs) })
    case 'deletion.requested':
      return withRequests(known, event.atMs)
    case 'tier': {
      const newer = event.atMs > subject.tierAtMs || (event.atMs === subject.tierAtMs && event.tier > subject.tier)
      return newer ? { ...known, tier: event.tier, tierAtMs: event.atMs } : known
    }
  }
}

/** With one more request to be deleted, where there is one, and without those before the latest that a reopening ended. */
function withRequests({ deletionAskedBeforeMs: former = [], ...subject }: Subject, askedAtMs?: number): Subject {
  const { deletionAskedAtMs, reopenedAtMs = Number.NEGATIVE_INFINITY } = subject
  const all = [...former, deletionAskedAtMs, askedAtMs].filter(one => one !== undefined)
  if (all.length === 0) return subject
  const last = Math.max(...all)
  const before = [...new Set(all)].filter(one => one < last && one > reopenedAtMs).sort((a, b) => a - b)
  const kept = before.length === 0 ? {} : { deletionAskedBeforeMs: before.slice(0, mostRequests) }
  return { ...subject, deletionAskedAtMs: last, ...kept }
}

type HoldEvent = Extract<SubjectEvent, { case: CaseReference }>

/** A hold that a person placed is none of the platform's: its events neither end nor renew it. */
function holdOf(subject: Subject, event: HoldEvent): Hold | undefined {
  const told = { kind: holdEvents[event.type].kind, case: event.case }
  return subject.holds.find(hold => hold.placedBy === 'event' && isSameCase(hold, told))
}

function applyToHolds(subject: Subject, event: HoldEvent): readonly Hold[] {
  const { kind, begins } = holdEvents[event.type]
  const known = holdOf(subject, event)
  const hold: Hold = known ?? {
    n: subject.holds.length + 1,
    kind,
    case: event.case,
    placedBy: 'event',
    placedAtMs: event.atMs,
  }
  const placedAtMs = Math.min(hold.placedAtMs, event.atMs)
  const told: Hold = begins
    ? { ...hold, placedAtMs, beganAtMs: latest(hold.beganAtMs, event.atMs) }
    : { ...hold, placedAtMs, endedAtMs: latest(hold.endedAtMs, event.atMs) }
  return known ? subject.holds.map(other => (other === known ? told : other)) : [...subject.holds, told]
}

/** Whether a hold in force keeps every paper of the subject. */
export function isWhollyHeld({ holds }: Subject): boolean {
  return holds.some(hold => hold.document === undefined && isInForce(hold))
}

function latest(known: number | undefined, told: number): number {
  return known === undefined ? told : Math.max(known, told)
}

/** The subject after one more upload on `day`, or undefined when the day's quota is used up. */
export function countUpload(subject: Subject, day: string, quota: number): Subject | undefined {
  const count = subject.uploads.day === day ? subject.uploads.count + 1 : 1
  return count > quota ? undefined : { ...subject, uploads: { day, count }, version: subject.version + 1 }
}
