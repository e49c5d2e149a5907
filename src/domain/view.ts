import type { Approval, ApprovalState } from './approval.ts'
import type { ApiKey } from './caller.ts'
import type { Document } from './document.ts'
import type { Entry } from './entry.ts'
import { retentionOf } from './retention.ts'
import { type BasisView, type KeepingHold, type Onlooker, viewBasis, viewClock } from './retention-view.ts'
import type { Review } from './review.ts'
import type { Subject } from './subject.ts'

/** What leaves the vault about a row: plain JSON values, named field by field, so that a new column never leaks by itself. */
export interface DocumentView {
  readonly id: string
  /** The platform's own reference; absent once nothing is kept for that person. */
  readonly subject?: string
  readonly type: string
  readonly kind?: string
  readonly state: 'stored' | 'purging' | 'purged'
  readonly media?: string
  readonly sizeBytes?: number
  readonly width?: number
  readonly height?: number
  readonly pages?: number
  readonly policyVersion: number
  readonly storedAt: string
  readonly purgedAt?: string
  /** Why it is kept, or was destroyed: the ground of its clock, or `erasure`, whose `reason` is then named instead of a basis. */
  readonly ground?: string
  readonly basis?: BasisView
  readonly reason?: string
  /** The first day and instant at which it may be destroyed. */
  readonly due?: { readonly on: string; readonly at: string; readonly zone: string }
  /** What it waits for when it is due, and the day from which on it waits no more. */
  readonly waits?: { readonly for: 'late-fact'; readonly until: string }
  readonly decidedBy?: number
  readonly heldBy?: readonly KeepingHold[]
  readonly why?: string
  readonly review?: { readonly id: string; readonly state: string }
  /** Where the storing entry (of a tombstone: the certificate) stands in the trail. */
  readonly trail: { readonly log: string; readonly index: number }
  readonly version: number
}

type Visible = Exclude<Document, { state: 'depositing' | 'abandoned' }>

/** Whether any reader may learn that the row exists; a tombstone is visible, an attempt is not. */
export function isVisible(document: Document | undefined): document is Visible {
  return document !== undefined && document.state !== 'depositing' && document.state !== 'abandoned'
}

const iso = (ms: number): string => new Date(ms).toISOString()

/**
 * The view of a paper; subject and review are told where the caller has them, and the clock of the law to an onlooker.
 */
export function viewDocument(
  document: Visible,
  subject: Subject | undefined,
  review: Review | undefined,
  onlooker?: Onlooker,
): DocumentView {
  const shared = {
    id: document.id,
    ...(subject ? { subject: subject.reference } : {}),
    type: document.type,
    state: document.state,
    policyVersion: document.policyVersion,
    storedAt: iso(document.storedAtMs),
    version: document.version,
  }
  if (document.state === 'purged') {
    const gone = viewGone(document.basis, onlooker)
    return { ...shared, purgedAt: iso(document.purgedAtMs), ...gone, trail: document.certificate }
  }
  return {
    ...shared,
    kind: document.kind,
    media: document.media,
    sizeBytes: document.plaintextBytes,
    ...(document.pixels ?? {}),
    ...(document.pages === undefined ? {} : { pages: document.pages }),
    ...clockOf(document, subject, onlooker),
    ...(review ? { review: { id: review.id, state: review.state } } : {}),
    trail: document.trail,
  }
}

function clockOf(document: Exclude<Visible, { state: 'purged' }>, subject?: Subject, onlooker?: Onlooker) {
  if (document.state === 'purging') return viewGone(document.purge.basis, onlooker)
  const retention = subject && onlooker && retentionOf(onlooker.tenant, subject, document)
  return retention ? viewClock(subject, retention, onlooker) : {}
}

/** On what a paper was given up: `<ground>:<basis>` of a lapse, the code of the reason of an erasure. */
function viewGone(basis: string, onlooker: Onlooker | undefined): Pick<DocumentView, 'ground' | 'basis' | 'reason'> {
  const [ground = '', name] = basis.split(':')
  if (name === undefined) return { ground: 'erasure', reason: ground }
  return { ground, basis: onlooker ? viewBasis(onlooker.tenant, name) : { name } }
}

/** What leaves the vault about a review. */
export interface ReviewView {
  readonly id: string
  readonly document: string
  readonly state: 'pending' | 'approved' | 'rejected'
  readonly createdAt: string
  readonly assignment?: { readonly person: string; readonly expiresAt: string }
  readonly decision?: DecisionView
  /** What the decision took the place of. */
  readonly overridden?: DecisionView & { readonly state: 'approved' | 'rejected' }
  readonly version: number
}

interface DecisionView {
  readonly by: string
  readonly second?: string
  readonly at: string
  readonly reasons: readonly string[]
}

/** An assignment that has expired is not shown: nobody holds the review. */
export function viewReview(review: Review, nowMs: number): ReviewView {
  const { id, document, state, assignment, decision, overridden, version } = review
  const held = state === 'pending' && assignment !== undefined && assignment.expiresAtMs > nowMs
  return {
    id,
    document,
    state,
    createdAt: iso(review.createdAtMs),
    ...(held ? { assignment: { person: assignment.person, expiresAt: iso(assignment.expiresAtMs) } } : {}),
    ...(decision ? { decision: viewDecision(decision) } : {}),
    ...(overridden ? { overridden: { state: overridden.state, ...viewDecision(overridden) } } : {}),
    version,
  }
}

function viewDecision({ by, second, atMs, reasons }: NonNullable<Review['decision']>): DecisionView {
  return { by, ...(second === undefined ? {} : { second }), at: iso(atMs), reasons }
}

/** What leaves the vault about an API key; never its text or its hash. */
export interface CallerView {
  readonly keyId: string
  readonly person: string
  readonly kind: 'person' | 'service'
  readonly roles: readonly string[]
  readonly createdAt: string
  readonly revokedAt?: string
}

/** The view of an API key. */
export function viewCaller(key: ApiKey): CallerView {
  const { keyId, person, kind, roles } = key
  const revoked = key.revokedAtMs === undefined ? {} : { revokedAt: iso(key.revokedAtMs) }
  return { keyId, person, kind, roles, createdAt: iso(key.createdAtMs), ...revoked }
}

/** One entry of the trail, with its place and its leaf. */
export interface TrailItem {
  readonly log: string
  readonly index: number
  /** base64url of SHA-256(00 || entry bytes). */
  readonly leafHash: string
  readonly entry: Entry
}

/** What leaves the vault about an approval. */
export interface ApprovalView {
  readonly id: string
  readonly action: string
  readonly target: string
  readonly purpose?: string
  readonly case?: string
  /** `ended` when its time ran out before its vote or its use. */
  readonly state: ApprovalState | 'ended'
  readonly askedBy: string
  readonly askedAt: string
  readonly endsAt: string
  readonly votedBy?: string
  readonly votedAt?: string
  readonly version: number
}

/** The view of an approval at `nowMs`. */
export function viewApproval(approval: Approval, nowMs: number): ApprovalView {
  const { id, action, target, purpose, state, askedBy, votedBy, votedAtMs, version } = approval
  const open = state === 'pending' || state === 'granted'
  return {
    id,
    action,
    target,
    ...(purpose === undefined ? {} : { purpose }),
    ...(approval.case === undefined ? {} : { case: approval.case }),
    state: open && nowMs >= approval.endsAtMs ? 'ended' : state,
    askedBy,
    askedAt: iso(approval.askedAtMs),
    endsAt: iso(approval.endsAtMs),
    ...(votedBy ? { votedBy: votedBy.id } : {}),
    ...(votedAtMs === undefined ? {} : { votedAt: iso(votedAtMs) }),
    version,
  }
}
