import type { PersonId, SubjectId, SubjectReference, TenantId } from './ids.ts'

/** The person a file is about, as one tenant knows them. */
export interface Subject {
  readonly id: SubjectId
  readonly tenant: TenantId
  readonly reference: SubjectReference
  /** 0 until the platform says otherwise. */
  readonly tier: number
  /** When the event that set the tier says it happened: a late, older event must not undo a newer one. */
  readonly tierAtMs: number
  readonly openedAtMs: number
  /** Who made the subject known here: it is theirs to look up. */
  readonly openedBy: PersonId
  /** Uploads begun on one UTC day; counts towards the quota. */
  readonly uploads: { readonly day: string; readonly count: number }
  readonly version: number
}

/** A subject that is not in the ledger yet: tier 0, no uploads, version 0. */
export function newSubject(of: Pick<Subject, 'id' | 'tenant' | 'reference' | 'openedBy' | 'openedAtMs'>): Subject {
  return { ...of, tier: 0, tierAtMs: 0, uploads: { day: '', count: 0 }, version: 0 }
}

/** Events a platform may send today; the others of the policy page come with retention and are refused in words. */
export type SubjectEvent =
  | { readonly type: 'opened'; readonly atMs: number }
  | { readonly type: 'tier'; readonly atMs: number; readonly tier: number }

/** Named so that a platform that already sends them is told plainly, and nothing is taken as done. */
export const laterEventTypes = [
  'closed',
  'reopened',
  'dispute.opened',
  'dispute.resolved',
  'withdrawal.pending',
  'withdrawal.settled',
  'deletion.requested',
] as const
/** An event that is known by name and not offered yet. */
export interface LaterEvent {
  readonly type: (typeof laterEventTypes)[number]
  readonly atMs: number
}

/** Tiers are 0 to this. */
export const maxTier = 9

/**
 * Applies an event so that any order of arrival ends in the same subject: the earliest event opened
 * it, the latest `tier` wins, and of two tiers at one instant the higher.
 */
export function applyEvent(subject: Subject, event: SubjectEvent): Subject {
  const openedAtMs = Math.min(subject.openedAtMs, event.atMs)
  const known = { ...subject, openedAtMs, version: subject.version + 1 }
  switch (event.type) {
    case 'opened':
      return known
    case 'tier': {
      const newer = event.atMs > subject.tierAtMs || (event.atMs === subject.tierAtMs && event.tier > subject.tier)
      return newer ? { ...known, tier: event.tier, tierAtMs: event.atMs } : known
    }
  }
}

/** The subject after one more upload on `day`, or undefined when the day's quota is used up. */
export function countUpload(subject: Subject, day: string, quota: number): Subject | undefined {
  const count = subject.uploads.day === day ? subject.uploads.count + 1 : 1
  return count > quota ? undefined : { ...subject, uploads: { day, count }, version: subject.version + 1 }
}
