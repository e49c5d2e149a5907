import { z } from 'zod'
import { parseDocumentId } from '../domain/ids.ts'
import type { SubjectEvent } from '../domain/subject.ts'
import { answerPage } from './lists.ts'
import { holdView, recordedEvent, subjectView } from './retention-schemas.ts'
import { guarded } from './route.ts'
import { documentView, paging, subjectEvent, subjectReference } from './schemas.ts'

const params = z.strictObject({ subject: subjectReference })

export const describeSubjectRoute = guarded({
  method: 'get',
  path: '/v1/subjects/{subject}',
  id: 'describeSubject',
  action: 'subject.describe',
  summary: 'What the vault knows of a subject',
  description:
    'Of a person who asked to be deleted also what becomes of each paper, and under which basis one is kept.',
  params,
  answers: { 200: { description: 'The subject.', schema: subjectView } },
  refusals: ['subject.unknown'],
  verb: async () => (await import('../access/describe-subject.ts')).describeSubject,
  handle: async ({ vault }, { caller, params: { subject } }, describeSubject) => {
    return { kind: 'json', body: await describeSubject(vault, caller, { reference: subject }) }
  },
})

export const recordEventRoute = guarded({
  method: 'post',
  path: '/v1/subjects/{subject}/events',
  id: 'recordEvent',
  action: 'subject.event',
  summary: 'Tell the vault of an event in the life of a subject',
  description:
    'Late and out-of-order arrival is normal: any order of the same events ends in the same subject. An event that begins a ' +
    'hold is always recorded; papers that are being destroyed by then are named in tooLate.',
  params,
  headers: ['Idempotency-Key'],
  body: { json: subjectEvent },
  answers: {
    202: {
      description: 'The event is on record; the subject as it is now.',
      schema: recordedEvent,
      headers: ['Location', 'Idempotent-Replayed'],
    },
  },
  refusals: ['event.contradictory', 'event.not-offered', 'hold.too-many', 'ledger.conflict'],
  verb: async () => (await import('../intake/record-event.ts')).recordEvent,
  handle: async ({ vault }, { caller, params: { subject }, body, idempotency }, recordEvent) => {
    const event = eventOf(body)
    return { kind: 'answered', answered: await recordEvent(vault, caller, { reference: subject, event, idempotency }) }
  },
})

const ofFile = '/v1/subjects/{subject}/file'

const subjectFile = z
  .object({
    id: z.string(),
    subject: subjectView.optional().meta({ description: 'Absent once the person is forgotten: tombstones are left.' }),
    tierAt: z.iso.datetime().optional(),
    openedBy: z.string().optional(),
    holds: z.array(holdView),
    items: z.array(documentView),
    next: z.string().optional(),
  })
  .meta({ id: 'SubjectFile' })

export const readSubjectFileRoute = guarded({
  method: 'get',
  path: ofFile,
  id: 'readSubjectFile',
  action: 'subject.file',
  summary: 'The whole file of a subject',
  description:
    'Facts, holds, and papers in the order of arrival, tombstones included. The subject is named by its reference, or by the ' +
    'uuid that the trail and the tombstones name it by: the latter also once it is forgotten.',
  params,
  query: z.strictObject(paging),
  answers: { 200: { description: 'The file; its papers come in pages.', schema: subjectFile } },
  refusals: ['subject.unknown', 'cursor.invalid'],
  verb: async () => (await import('../access/read-subject-file.ts')).readSubjectFile,
  handle: (door, asked, readSubjectFile) => {
    const { subject } = asked.params
    return answerPage(door, asked, { route: ofFile, filter: { subject }, parse: parseDocumentId }, page =>
      readSubjectFile(door.vault, asked.caller, { name: subject, ...page }),
    )
  },
})

function eventOf(body: z.output<typeof subjectEvent>): SubjectEvent {
  if ('tier' in body) return { type: body.type, atMs: body.at, tier: body.tier }
  if ('ref' in body) return { type: body.type, atMs: body.at, case: body.ref }
  return { type: body.type, atMs: body.at }
}
