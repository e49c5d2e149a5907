import type { Entry } from '../domain/entry.ts'
import type { Finding } from '../domain/finding.ts'
import { idPatterns, type PersonId, type ReviewId, type TenantId } from '../domain/ids.ts'
import { isAssigned, type Review } from '../domain/review.ts'
import { isVisible } from '../domain/view.ts'
import type { Page } from '../ports/ledger.ts'
import { everyItem } from './check-pages.ts'
import type { Checked, CheckOptions } from './checking.ts'
import { isPlace } from './document-row.ts'
import { EntryReader } from './entry-reader.ts'

/** Each review belongs to a document, says one thing, and is held by the person on whose desk it lies. */
export async function* checkReviews(
  vault: Checked,
  tenant: TenantId,
  { counts, signal }: CheckOptions,
): AsyncGenerator<Finding, void> {
  const reader = new EntryReader(vault.batches)
  const holders = new Set<PersonId>()
  const reviews = everyItem(
    (page: Page<ReviewId>) => vault.ledger.everyReview(tenant, page),
    ({ id }) => id,
    signal,
  )
  for await (const review of reviews) {
    counts.reviews++
    if (review.assignment) holders.add(review.assignment.person)
    const which = { tenant, review: review.id, document: review.document }
    const document = await vault.ledger.findDocument(tenant, review.document)
    const detail = wrongField(review, tenant)
    if (detail !== undefined) yield { code: 'review.malformed', ...which, detail }
    else if (!isVisible(document)) yield { code: 'review.stray', ...which }
    else if (document.subject !== review.subject) yield { code: 'review.malformed', ...which, detail: 'subject' }
    else if (review.decision && !isDecision(review, await reader.at(review.decision.trail))) {
      yield { code: 'decision-entry.differs', ...which, ...review.decision.trail }
    } else if (review.assignment && !(await liesOnDesk(vault, tenant, review, review.assignment))) {
      yield { code: 'desk.differs', ...which, person: review.assignment.person }
    }
  }
  yield* checkDesks(vault, tenant, holders, signal)
}

function wrongField(review: Review, tenant: TenantId): string | undefined {
  if (review.tenant !== tenant) return 'tenant'
  if (!idPatterns.uuid.test(review.id)) return 'id'
  if (!idPatterns.uuid.test(review.document)) return 'document'
  if (!['pending', 'approved', 'rejected'].includes(review.state)) return 'state'
  if ((review.state === 'pending') !== (review.decision === undefined)) return 'decision'
  if (review.state !== 'pending' && review.assignment) return 'assignment'
  if (review.overridden && (!isPlace(review.overridden.trail) || review.overridden.state === review.state))
    return 'overridden'
  return review.decision && !isPlace(review.decision.trail) ? 'decision' : undefined
}

function isDecision(review: Review, entry: Entry | undefined): boolean {
  return (
    entry?.act === (review.overridden ? 'review.override' : 'review.decide') &&
    entry.out === 'allow' &&
    entry.doc === review.document &&
    entry.sub === review.subject &&
    entry.actor?.id === review.decision?.by &&
    entry.det?.second === review.decision?.second
  )
}

/** An assignment that has expired may lie on the desk still, or not. */
async function liesOnDesk(
  vault: Checked,
  tenant: TenantId,
  { id }: Review,
  { person, expiresAtMs }: NonNullable<Review['assignment']>,
): Promise<boolean> {
  if (expiresAtMs <= vault.clock.nowMs()) return true
  const desk = await vault.ledger.findDesk(tenant, person)
  return desk?.open.some(item => item.review === id && item.expiresAtMs === expiresAtMs) ?? false
}

/** Whatever lies on a desk and has not expired is assigned to that person. Whoever holds a key or a review may have a desk. */
async function* checkDesks(
  vault: Checked,
  tenant: TenantId,
  holders: Set<PersonId>,
  signal: AbortSignal,
): AsyncGenerator<Finding, void> {
  const keys = everyItem(
    (page: Page<string>) => vault.ledger.listApiKeys(tenant, page),
    ({ keyId }) => keyId,
    signal,
  )
  for await (const { person } of keys) holders.add(person)
  for (const person of holders) {
    const desk = await vault.ledger.findDesk(tenant, person)
    const nowMs = vault.clock.nowMs()
    for (const item of desk?.open ?? []) {
      if (item.expiresAtMs <= nowMs) continue
      const review = await vault.ledger.findReview(tenant, item.review)
      if (!isAssigned(review, person, nowMs)) yield { code: 'desk.differs', tenant, review: item.review, person }
    }
  }
}
