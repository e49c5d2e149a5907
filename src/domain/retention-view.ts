import type { Caller } from './caller.ts'
import { type Hold, isInForce } from './hold.ts'
import { decide } from './permission.ts'
import type { Retention } from './retention.ts'
import type { Subject } from './subject.ts'
import type { Tenant } from './tenant.ts'

/** For whom a view is made: what it may tell of holds follows from the right to list them. */
export interface Onlooker {
  readonly tenant: Tenant
  readonly seesHolds: boolean
}

/** The onlooker that a caller is, by the role table. */
export function onlookerOf(tenant: Tenant, caller: Caller): Onlooker {
  const decision = decide(caller, 'hold.list', { known: true }, tenant, { purpose: undefined, case: undefined })
  return { tenant, seesHolds: decision.granted }
}

/** A legal basis, as the person may be told of it; a name alone where the policy that named it is gone. */
export interface BasisView {
  readonly name: string
  readonly law?: string
  readonly jurisdiction?: string
  readonly words?: string
}

/** The view of a basis by its name in the tenant's policy. */
export function viewBasis({ bases }: Tenant, name: string): BasisView {
  const basis = bases.get(name)
  return basis ? { name, law: basis.law, jurisdiction: basis.jurisdiction, words: basis.words } : { name }
}

/**
 * A hold in force in a word. Who may not list holds is not told the case, nor that a hold is a legal order: an order may forbid
 * that the person hears of it.
 */
export interface KeepingHold {
  readonly id: string
  readonly kind?: string
  readonly case?: string
}

function viewKeeping(subject: Subject, hold: Hold, { seesHolds }: Onlooker): KeepingHold {
  const id = `${subject.id}.${hold.n}`
  if (seesHolds) return { id, kind: hold.kind, case: hold.case }
  return hold.kind === 'legal_order' ? { id } : { id, kind: hold.kind }
}

/** The holds in force of a subject, those of single papers included; ascending by number. */
export function viewHoldsInForce(subject: Subject, onlooker: Onlooker): readonly KeepingHold[] {
  return subject.holds.filter(isInForce).map(hold => viewKeeping(subject, hold, onlooker))
}

/** What the clock of the law says of a paper, for people. */
export interface ClockView {
  readonly ground: string
  /** The first day and instant at which it may be destroyed; absent while the account is open. */
  readonly due?: { readonly on: string; readonly at: string; readonly zone: string }
  /** Something was told late: before `until` it is destroyed only under a plan that another person approved. */
  readonly waits?: { readonly for: 'late-fact'; readonly until: string }
  readonly basis: BasisView
  /** Version of the policy whose rule decided; `policyVersion` is the one that the paper came under. */
  readonly decidedBy: number
  readonly heldBy: readonly KeepingHold[]
  /** The same in words. */
  readonly why: string
}

/** The view of one paper's clock. */
export function viewClock(subject: Subject, retention: Retention, onlooker: Onlooker): ClockView {
  const { ground, basis, policyVersion, dueOn, dueAtMs, sureOn, zone } = retention
  const heldBy = subject.holds.filter(({ n }) => retention.heldBy.includes(n))
  const due =
    dueOn === undefined || dueAtMs === undefined
      ? {}
      : { due: { on: dueOn, at: new Date(dueAtMs).toISOString(), zone } }
  return {
    ground,
    ...due,
    ...(sureOn === undefined ? {} : { waits: { for: 'late-fact' as const, until: sureOn } }),
    basis: viewBasis(onlooker.tenant, basis),
    decidedBy: policyVersion,
    heldBy: heldBy.map(hold => viewKeeping(subject, hold, onlooker)),
    why: wordsOf(retention),
  }
}

function wordsOf({ ground, dueOn, sureOn, zone, heldBy }: Retention): string {
  const day = dueOn === undefined ? '' : ` It may be destroyed from ${dueOn} on, by the calendar of ${zone}.`
  const late =
    sureOn === undefined
      ? ''
      : ` The end of the account, or the request to be deleted, was told late: before ${sureOn} it is destroyed only once another person has approved it.`
  const held = heldBy.length === 0 ? '' : ' A hold keeps it until it is released, whatever the date.'
  return `${grounds[ground]}${day}${late}${held}`
}

const grounds = {
  relationship: 'It is kept while the account is open; its time begins to run when the account is closed.',
  term: 'It is kept for as long as was promised after the account was closed.',
  floor: 'It is kept for the least time that the law asks for after the account was closed.',
  shred: 'The person asked to be deleted, and no law asks for it to be kept longer.',
} as const satisfies Record<Retention['ground'], string>

/** One hold, for those who may list holds. */
export interface HoldView {
  readonly id: string
  readonly subject: { readonly id: string; readonly reference: string }
  readonly kind: string
  readonly case: string
  /** Only this paper; absent for all of the subject's. */
  readonly document?: string
  readonly inForce: boolean
  /** `event` for a hold that the platform's events begin and end. */
  readonly placedBy: string
  readonly placedAt: string
  readonly beganAt?: string
  readonly endedAt?: string
  readonly releasedBy?: readonly string[]
  /** Papers that were being destroyed when the hold was placed: it came too late for them. Only in the answer to placing it. */
  readonly tooLate?: readonly string[]
}

/** The view of a hold of this subject. */
export function viewHold(subject: Subject, hold: Hold): HoldView {
  const { kind, document, placedBy, placedAtMs, beganAtMs, endedAtMs, releasedBy } = hold
  const iso = (ms: number): string => new Date(ms).toISOString()
  return {
    id: `${subject.id}.${hold.n}`,
    subject: { id: subject.id, reference: subject.reference },
    kind,
    case: hold.case,
    ...(document === undefined ? {} : { document }),
    inForce: isInForce(hold),
    placedBy,
    placedAt: iso(placedAtMs),
    ...(beganAtMs === undefined ? {} : { beganAt: iso(beganAtMs) }),
    ...(endedAtMs === undefined ? {} : { endedAt: iso(endedAtMs) }),
    ...(releasedBy === undefined ? {} : { releasedBy }),
  }
}
