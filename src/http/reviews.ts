import { z } from 'zod'
import { parseReviewId } from '../domain/ids.ts'
import { answerPage } from './lists.ts'
import { guarded } from './route.ts'
import { decision, documentId, pageOf, paging, reviewId, reviewView } from './schemas.ts'

const reviews = '/v1/reviews'
const assignment = '/v1/reviews/{id}/assignment'

export const listReviewsRoute = guarded({
  method: 'get',
  path: reviews,
  id: 'listReviews',
  action: 'review.list',
  summary: 'Reviews in one state, oldest first',
  query: z.strictObject({
    ...paging,
    state: z
      .enum(['pending', 'approved', 'rejected'])
      .optional()
      .transform(value => value ?? 'pending'),
  }),
  answers: { 200: { description: 'Reviews of the platform.', schema: pageOf(reviewView, 'ReviewPage') } },
  refusals: ['cursor.invalid'],
  verb: async () => (await import('../review/list-reviews.ts')).listReviews,
  handle: (door, asked, listReviews) => {
    const { state } = asked.query
    return answerPage(door, asked, { route: reviews, filter: { state }, parse: parseReviewId }, page =>
      listReviews(door.vault, asked.caller, { state, ...page }),
    )
  },
})

export const takeReviewRoute = guarded({
  method: 'put',
  path: assignment,
  id: 'takeReview',
  action: 'review.assign',
  summary: 'Take a review, for eight hours',
  params: z.strictObject({ id: reviewId }),
  answers: { 200: { description: 'It is yours.', schema: reviewView } },
  refusals: ['review.unknown', 'review.taken', 'review.final', 'review.too-many', 'ledger.conflict'],
  verb: async () => (await import('../review/take-review.ts')).takeReview,
  handle: async ({ vault }, { caller, params: { id } }, takeReview) => ({
    kind: 'json',
    body: await takeReview(vault, caller, { id }),
  }),
})

export const giveBackReviewRoute = guarded({
  method: 'delete',
  path: assignment,
  id: 'giveBackReview',
  action: 'review.assign',
  summary: 'Give a review back',
  params: z.strictObject({ id: reviewId }),
  answers: { 200: { description: 'Anybody may take it now.', schema: reviewView } },
  refusals: ['review.unknown', 'review.not-yours', 'review.final', 'ledger.conflict'],
  verb: async () => (await import('../review/give-back-review.ts')).giveBackReview,
  handle: async ({ vault }, { caller, params: { id } }, giveBackReview) => ({
    kind: 'json',
    body: await giveBackReview(vault, caller, { id }),
  }),
})

export const decideReviewRoute = guarded({
  method: 'post',
  path: '/v1/documents/{id}/reviews',
  id: 'decideReview',
  action: 'review.decide',
  summary: 'Decide the review of a paper',
  description: 'The decision is final, and ends the right of the reviewer to the original.',
  params: z.strictObject({ id: documentId }),
  headers: ['Idempotency-Key'],
  body: { json: decision },
  answers: {
    201: { description: 'It is decided.', schema: reviewView, headers: ['Location', 'Idempotent-Replayed'] },
  },
  refusals: ['document.unknown', 'role.not-assigned', 'review.final', 'review.reason', 'ledger.conflict'],
  verb: async () => (await import('../review/decide-review.ts')).decideReview,
  handle: async ({ vault }, { caller, params: { id }, body, idempotency }, decideReview) => ({
    kind: 'answered',
    answered: await decideReview(vault, caller, { document: id, ...body, idempotency }),
  }),
})

export const overrideReviewRoute = guarded({
  method: 'post',
  path: '/v1/reviews/{id}/override',
  id: 'overrideReview',
  action: 'review.override',
  summary: 'Put the other decision in the place of the one that was made; a second person stands beside',
  description:
    'Two senior reviewers together. The decision before stays in the review as overridden, and in the trail with every other.',
  params: z.strictObject({ id: reviewId }),
  headers: ['Idempotency-Key', 'Vault-Second-Authorization', 'Vault-Approval'],
  body: { json: decision },
  answers: {
    201: { description: 'It is decided anew.', schema: reviewView, headers: ['Location', 'Idempotent-Replayed'] },
  },
  refusals: ['review.unknown', 'review.open', 'review.same', 'review.reason', 'document.purged', 'ledger.conflict'],
  verb: async () => (await import('../review/override-review.ts')).overrideReview,
  handle: async ({ vault }, { caller, params: { id }, body, beside, idempotency }, overrideReview) => ({
    kind: 'answered',
    answered: await overrideReview(vault, caller, { id, ...body, ...beside, idempotency }),
  }),
})
