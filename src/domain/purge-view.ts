import type { EpochEnd } from './epoch.ts'
import type { PurgeItem, PurgeOutcome, PurgeRun } from './purge-run.ts'

/** What leaves the vault about a purge run. */
export interface PurgeRunView {
  readonly id: string
  readonly state: PurgeRun['state']
  readonly asOf: string
  readonly planHash: string
  readonly count: number
  /** So many of the list are due only by what was told late: it waits until another person approved it. */
  readonly late?: number
  readonly plannedBy: string
  readonly plannedAt: string
  readonly expiresAt: string
  readonly approvedBy?: string
  readonly requestedBy?: string
  readonly endedAt?: string
  readonly destroyed: number
  readonly spared: number
  readonly failed: number
  readonly version: number
}

const iso = (ms: number): string => new Date(ms).toISOString()

/** The view of a run at `nowMs`: one that nobody executed in time is told as stale. */
export function viewRun(run: PurgeRun, nowMs: number): PurgeRunView {
  const waits = run.state === 'planned' || run.state === 'approved' || run.state === 'requested'
  return {
    id: run.id,
    state: waits && nowMs >= run.expiresAtMs ? 'stale' : run.state,
    asOf: iso(run.asOfMs),
    planHash: run.planHash,
    count: run.count,
    ...(run.late === undefined ? {} : { late: run.late }),
    plannedBy: run.plannedBy,
    plannedAt: iso(run.plannedAtMs),
    expiresAt: iso(run.expiresAtMs),
    ...(run.approvedBy === undefined ? {} : { approvedBy: run.approvedBy }),
    ...(run.requestedBy === undefined ? {} : { requestedBy: run.requestedBy }),
    ...(run.endedAtMs === undefined ? {} : { endedAt: iso(run.endedAtMs) }),
    destroyed: run.destroyed,
    spared: run.spared,
    failed: run.failed,
    version: run.version,
  }
}

/** One line of a plan as it leaves the vault: every member that the plan's hash is over, so that it can be computed again. */
export interface PurgeItemView {
  readonly document: string
  readonly subject: string
  readonly subjectVersion: number
  readonly documentVersion: number
  readonly ground: string
  readonly basis: string
  readonly dueOn: string
  readonly policyVersion: number
  readonly waits?: PurgeItem['waits']
  readonly outcome?: PurgeOutcome
}

/** The view of an item. */
export function viewItem(item: PurgeItem): PurgeItemView {
  const { document, subject, subjectVersion, documentVersion, ground, basis, dueOn, policyVersion, outcome } = item
  const waits = item.waits === undefined ? {} : { waits: item.waits }
  const line = { document, subject, subjectVersion, documentVersion, ground, basis, dueOn, policyVersion, ...waits }
  return outcome === undefined ? line : { ...line, outcome }
}

/** A point in time beyond which one kind of copy opens no more, and whether it has come. */
export interface HorizonView {
  readonly by: string
  readonly passed: boolean
}

/** What can be shown of a destroyed paper, for ever. */
export interface CertificateView {
  readonly document: string
  /** The subject's uuid: no reference is kept. */
  readonly subject: string
  readonly type: string
  readonly kind: 'lapse' | 'erasure'
  readonly basis: string
  readonly dueOn: string
  readonly policyVersion: number
  readonly storedAt: string
  readonly closedAt?: string
  readonly destroyedAt: string
  readonly run?: string
  /** `pending` until every horizon has passed. */
  readonly state: 'pending' | 'final'
  /** From then on no instance of the vault opens it. */
  readonly live: HorizonView
  /** From then on no backup of the wrapped keys holds its key. */
  readonly backups: HorizonView
  /** The wrapping key that its key was under; once that is retired, no copy opens wherever it leaked. */
  readonly epoch: {
    readonly name: string
    readonly retired?: HorizonView & { readonly log: string; readonly index: number }
  }
  /** Where the certificate stands in the trail. */
  readonly trail: { readonly log: string; readonly index: number; readonly leafHash: string }
}

/** A horizon at `nowMs`. @param by RFC 3339 */
export function viewHorizon(by: string, nowMs: number): HorizonView {
  return { by, passed: Date.parse(by) <= nowMs }
}

/** How the epoch of a destroyed key stands at `nowMs`. */
export function viewEpoch(name: string, end: EpochEnd, nowMs: number): CertificateView['epoch'] {
  if (end.state === 'pending') return { name }
  return { name, retired: { ...viewHorizon(iso(end.fromMs), nowMs), ...end.entry } }
}
