import { z } from 'zod'
import { describeSubject } from '../access/describe-subject.ts'
import type { SubjectEvent } from '../domain/subject.ts'
import { recordEvent } from '../intake/record-event.ts'
import { guarded } from './route.ts'
import { subjectEvent, subjectReference, subjectView } from './schemas.ts'

const params = z.strictObject({ subject: subjectReference })

export const describeSubjectRoute = guarded({
  method: 'get',
  path: '/v1/subjects/{subject}',
  id: 'describeSubject',
  action: 'subject.describe',
  summary: 'What the vault knows of a subject',
  params,
  answers: { 200: { description: 'The subject.', schema: subjectView } },
  refusals: ['subject.unknown'],
  handle: async ({ vault }, { caller, params: { subject } }) => {
    return { kind: 'json', body: await describeSubject(vault, caller, { reference: subject }) }
  },
})

export const recordEventRoute = guarded({
  method: 'post',
  path: '/v1/subjects/{subject}/events',
  id: 'recordEvent',
  action: 'subject.event',
  summary: 'Tell the vault of an event in the life of a subject',
  description: 'Late and out-of-order arrival is normal: any order of the same events ends in the same subject.',
  params,
  headers: ['Idempotency-Key'],
  body: { json: subjectEvent },
  answers: {
    202: {
      description: 'The event is on record; the subject as it is now.',
      schema: subjectView,
      headers: ['Location', 'Idempotent-Replayed'],
    },
  },
  refusals: [
    'event.contradictory',
    'event.not-offered',
    'idempotency.in-flight',
    'idempotency.conflict',
    'ledger.conflict',
  ],
  handle: async ({ vault }, { caller, params: { subject }, body, idempotency }) => {
    const event = eventOf(body)
    return { kind: 'answered', answered: await recordEvent(vault, caller, { reference: subject, event, idempotency }) }
  },
})

function eventOf(body: z.output<typeof subjectEvent>): SubjectEvent {
  if ('tier' in body) return { type: body.type, atMs: body.at, tier: body.tier }
  if ('ref' in body) return { type: body.type, atMs: body.at, case: body.ref }
  return { type: body.type, atMs: body.at }
}
