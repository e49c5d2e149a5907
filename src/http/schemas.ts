import { z } from 'zod'
import type {
  ApprovalId,
  CaseReference,
  DocumentId,
  HoldId,
  PersonId,
  ReviewId,
  SubjectId,
  SubjectReference,
} from '../domain/ids.ts'
import { idPatterns } from '../domain/ids.ts'
import { limits, mediaKinds, paperTypes } from '../domain/media.ts'
import { reviewReasons } from '../domain/review.ts'
import { roles } from '../domain/role.ts'
import { type HoldEventType, holdEvents, maxTier } from '../domain/subject.ts'
import { problems } from './problems.ts'
import { basisView, dueView, erasureReason, grounds, keepingHold, waitsView } from './retention-schemas.ts'

/** The shapes of what comes in and goes out; the OpenAPI document is made of the same ones. */

const text = <Id extends string>(pattern: RegExp) =>
  z
    .string()
    .regex(pattern)
    .transform(value => value as Id)

export const documentId = text<DocumentId>(idPatterns.uuid)
export const approvalId = text<ApprovalId>(idPatterns.uuid)
export const reviewId = text<ReviewId>(idPatterns.uuid)
export const subjectId = text<SubjectId>(idPatterns.uuid)
export const holdId = text<HoldId>(idPatterns.hold)
export const caseReference = text<CaseReference>(idPatterns.caseReference)
export const subjectReference = text<SubjectReference>(idPatterns.subjectReference)
export const person = text<PersonId>(idPatterns.person)
export const keyId = z.string().regex(/^[a-z0-9]{16}$/)

/** RFC 3339 in UTC or with an offset, to milliseconds since the epoch. */
export const instant = z.iso.datetime({ offset: true }).transform(value => Date.parse(value))

const wholeNumber = (from: number, to: number) =>
  z
    .string()
    .regex(/^[0-9]{1,4}$/)
    .transform(Number)
    .pipe(z.number().min(from).max(to))

export const paging = {
  limit: wholeNumber(1, limits.page.maxItems)
    .optional()
    .transform(value => value ?? limits.page.defaultItems)
    .meta({ description: `How many items, 1 to ${limits.page.maxItems}; ${limits.page.defaultItems} unless told.` }),
  cursor: z.string().min(1).max(512).optional().meta({ description: 'next of the page before, with the same filter.' }),
}

export const uploadMeta = z
  .strictObject({
    type: z.enum(paperTypes),
    kind: z.string().regex(/^[a-z0-9_-]{1,40}$/),
  })
  .meta({ id: 'UploadMeta', description: 'What paper it is; sent first, as a text field of JSON.' })

export const subjectEvent = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.enum(['opened', 'closed', 'reopened', 'deletion.requested']), at: instant }),
    z.strictObject({ type: z.literal('tier'), at: instant, tier: z.number().int().min(0).max(maxTier) }),
    z.strictObject({
      type: z.enum(Object.keys(holdEvents) as [HoldEventType, ...HoldEventType[]]),
      at: instant,
      ref: caseReference,
    }),
  ])
  .meta({ id: 'SubjectEvent' })

export const decision = z
  .strictObject({ decision: z.enum(['approve', 'reject']), reasons: z.array(z.enum(reviewReasons)).max(10) })
  .meta({ id: 'ReviewDecision' })

export const newCaller = z
  .strictObject({
    person,
    kind: z.enum(['person', 'service']),
    roles: z
      .array(z.enum(roles.filter(role => role !== 'system')))
      .min(1)
      .max(roles.length),
  })
  .meta({ id: 'NewCaller' })

export const time = z.iso.datetime()
const count = z.number().int().nonnegative()
const place = z.object({ log: z.string(), index: count }).meta({ id: 'TrailPlace' })

export const documentView = z
  .object({
    id: z.string(),
    subject: z.string().optional(),
    type: z.enum(paperTypes),
    kind: z.string().optional(),
    state: z.enum(['stored', 'purging', 'purged']),
    media: z.enum(mediaKinds).optional(),
    sizeBytes: count.optional(),
    width: count.optional(),
    height: count.optional(),
    pages: count.optional(),
    policyVersion: count,
    storedAt: time,
    purgedAt: time.optional(),
    ground: grounds.optional(),
    basis: basisView.optional(),
    reason: erasureReason.optional(),
    due: dueView.optional(),
    waits: waitsView.optional(),
    decidedBy: count.optional().meta({ description: 'Version of the policy whose rule decided the clock.' }),
    heldBy: z.array(keepingHold).optional(),
    why: z.string().optional().meta({ description: 'What the clock says, in words.' }),
    review: z.object({ id: z.string(), state: z.string() }).optional(),
    trail: place,
    version: count,
  })
  .meta({ id: 'Document' })

const made = z.object({
  by: z.string(),
  second: z.string().optional().meta({ description: 'Of a decision that took the place of another.' }),
  at: time,
  reasons: z.array(z.enum(reviewReasons)),
})

export const reviewView = z
  .object({
    id: z.string(),
    document: z.string(),
    state: z.enum(['pending', 'approved', 'rejected']),
    createdAt: time,
    assignment: z.object({ person: z.string(), expiresAt: time }).optional(),
    decision: made.optional(),
    overridden: made
      .extend({ state: z.enum(['approved', 'rejected']) })
      .optional()
      .meta({ description: 'The decision that this one took the place of.' }),
    version: count,
  })
  .meta({ id: 'Review' })

export const approvalView = z
  .object({
    id: z.string(),
    action: z.string(),
    target: z.string(),
    purpose: z.string().optional(),
    case: z.string().optional(),
    state: z.enum(['pending', 'granted', 'refused', 'used', 'ended']),
    askedBy: z.string(),
    askedAt: time,
    endsAt: time,
    votedBy: z.string().optional(),
    votedAt: time.optional(),
    version: count,
  })
  .meta({ id: 'Approval' })

export const callerView = z
  .object({
    keyId: z.string(),
    person: z.string(),
    kind: z.enum(['person', 'service']),
    roles: z.array(z.enum(roles)),
    createdAt: time,
    revokedAt: time.optional(),
  })
  .meta({ id: 'Caller' })

export const addedCaller = z
  .object({ key: z.string().meta({ description: 'Shown once, kept nowhere.' }), caller: callerView })
  .meta({ id: 'AddedCaller' })

const detail = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]))

export const trailItem = z
  .object({
    log: z.string(),
    index: count,
    leafHash: z.string().meta({ description: 'base64url of SHA-256(00 || entry bytes), as in RFC 6962.' }),
    entry: z.object({
      v: z.literal(1),
      id: z.string(),
      ts: time,
      inst: z.string(),
      act: z.string(),
      out: z.enum(['allow', 'deny', 'done', 'broken', 'error', 'swept', 'note']),
      of: z.string().optional(),
      why: z.string().optional(),
      ten: z.string().optional(),
      sub: z.string().optional(),
      doc: z.string().optional(),
      actor: z.object({ k: z.string(), id: z.string(), auth: z.string(), roles: z.array(z.string()) }).optional(),
      purpose: z.string().optional(),
      case: z.string().optional(),
      req: z.string().optional(),
      det: detail.optional(),
    }),
  })
  .meta({ id: 'TrailItem' })

/** A page of a list: no totals, and a cursor while there is more. */
export const pageOf = (item: z.ZodType, id: string) =>
  z.object({ items: z.array(item), next: z.string().optional() }).meta({ id })

export const problemView = z
  .object({
    type: z.string(),
    title: z.string(),
    status: count,
    detail: z.string(),
    instance: z.string(),
    code: z.string(),
    requestId: z.string(),
    retryable: z.boolean(),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
    limit: z.number().optional(),
    actual: z.number().optional(),
    allowed: z.array(z.string()).optional(),
    certificate: z.string().optional().meta({ description: 'Path of the certificate of what was destroyed.' }),
    tombstone: documentView.optional(),
  })
  .meta({
    id: 'Problem',
    description: 'RFC 9457.',
    example: {
      type: '/problems/field.invalid',
      ...problems['field.invalid'],
      retryable: false,
      instance: 'urn:uuid:01a20196-a752-702d-aea6-b4e34de63be7',
      code: 'field.invalid',
      requestId: '01a20196-a752-702d-aea6-b4e34de63be7',
      errors: [{ field: 'kind', message: 'Invalid input: expected string, received undefined' }],
    },
  })
