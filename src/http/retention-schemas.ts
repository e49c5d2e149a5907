import { z } from 'zod'
import { erasureReasons } from '../domain/erasure.ts'
import { holdKinds } from '../domain/hold.ts'

/** The shapes of clocks, holds and answers to requests to be deleted, as they go out. */

const time = z.iso.datetime()
const day = z.iso.date()
const count = z.number().int().nonnegative()

export const grounds = z.enum(['relationship', 'term', 'floor', 'shred', 'erasure']).meta({
  description: 'relationship: the account is open. term: as promised. floor: the least of the law. shred: nothing.',
})

export const basisView = z
  .object({
    name: z.string(),
    law: z.string().optional(),
    jurisdiction: z.string().optional(),
    words: z.string().optional(),
  })
  .meta({
    id: 'LegalBasis',
    description: 'The law or promise that a paper is kept under, as the person may be told of it.',
  })

export const dueView = z
  .object({ on: day, at: time, zone: z.string() })
  .meta({ id: 'Due', description: 'The first day and instant at which the paper may be destroyed.' })

export const waitsFor = z.enum(['late-fact']).meta({
  description: 'late-fact: a closing or a request to be deleted was told late, so another person has to approve.',
})

export const waitsView = z
  .object({ for: waitsFor, until: day })
  .meta({ id: 'Waits', description: 'Destroyed before this day only under a plan that another person approved.' })

export const keepingHold = z
  .object({ id: z.string(), kind: z.enum(holdKinds).optional(), case: z.string().optional() })
  .meta({
    id: 'KeepingHold',
    description: 'The case, and that it is a legal order, are told only to roles that may list holds.',
  })

export const erasureReason = z.enum(erasureReasons)

const paperOutcome = z
  .object({
    id: z.string(),
    type: z.string(),
    outcome: z.enum(['shredded', 'kept']),
    until: day.optional().meta({ description: 'The day on which it goes or went, or on which what keeps it ends.' }),
    ground: grounds,
    basis: basisView.optional(),
    reason: erasureReason.optional(),
    held: z.boolean().meta({ description: 'A hold keeps it beyond its time.' }),
  })
  .meta({ id: 'PaperOutcome' })

const deletionView = z
  .object({
    askedAt: time,
    state: z.enum(['waiting', 'open', 'answered']).meta({ description: 'waiting: for the account to be closed.' }),
    answerDueAt: time.optional(),
    answeredAt: time.optional(),
    papers: z.array(paperOutcome).optional(),
    more: z
      .boolean()
      .optional()
      .meta({ description: 'There are more papers: each says its day in the list of papers.' }),
  })
  .meta({ id: 'Deletion', description: 'What the person who asked to be deleted can be told.' })

export const subjectView = z
  .object({
    reference: z.string(),
    id: z.string(),
    tier: count,
    openedAt: time,
    accountOpenedAt: time.optional(),
    closedAt: time.optional(),
    reopenedAt: time.optional(),
    closed: z.boolean(),
    holds: z.array(keepingHold),
    deletion: deletionView.optional(),
    version: count,
  })
  .meta({ id: 'Subject' })

export const tooLate = z
  .array(z.string())
  .optional()
  .meta({ description: 'Papers that were being destroyed already when the hold began.' })

export const recordedEvent = subjectView.extend({ tooLate }).meta({ id: 'RecordedEvent' })

export const holdView = z
  .object({
    id: z.string(),
    subject: z.object({ id: z.string(), reference: z.string() }),
    kind: z.enum(holdKinds),
    case: z.string(),
    document: z.string().optional(),
    inForce: z.boolean(),
    placedBy: z.string().meta({ description: 'event: begun and ended by events of the platform.' }),
    placedAt: time,
    beganAt: time.optional(),
    endedAt: time.optional(),
    releasedBy: z.array(z.string()).optional(),
    tooLate,
  })
  .meta({ id: 'Hold' })
