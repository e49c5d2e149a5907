import { z } from 'zod'
import { holdKinds } from '../domain/hold.ts'
import { parseHoldId } from '../domain/ids.ts'
import { answerPage } from './lists.ts'
import { holdView } from './retention-schemas.ts'
import { guarded } from './route.ts'
import { caseReference, documentId, holdId, pageOf, paging, subjectReference } from './schemas.ts'

const holds = '/v1/holds'

const newHold = z
  .strictObject({
    subject: subjectReference,
    kind: z.enum(holdKinds),
    case: caseReference.optional().meta({ description: 'Vault-Case, unless it is named here.' }),
    document: documentId.optional().meta({ description: 'Only this paper; absent for all, those to come included.' }),
  })
  .meta({ id: 'NewHold' })

export const listHoldsRoute = guarded({
  method: 'get',
  path: holds,
  id: 'listHolds',
  action: 'hold.list',
  summary: 'The holds in force, or all of one subject',
  query: z.strictObject({
    ...paging,
    subject: subjectReference.optional().meta({ description: 'All holds of this subject, ended ones included.' }),
  }),
  answers: { 200: { description: 'By subject and number.', schema: pageOf(holdView, 'HoldPage') } },
  refusals: ['subject.unknown', 'cursor.invalid'],
  verb: async () => (await import('../retention/list-holds.ts')).listHolds,
  handle: (door, asked, listHolds) => {
    const { subject } = asked.query
    return answerPage(door, asked, { route: holds, filter: { subject }, parse: parseHoldId }, page =>
      listHolds(door.vault, asked.caller, { ...page, ...(subject === undefined ? {} : { reference: subject }) }),
    )
  },
})

export const placeHoldRoute = guarded({
  method: 'post',
  path: holds,
  id: 'placeHold',
  action: 'hold.place',
  summary: 'Keep the papers of a subject, or one of them, for a case',
  description:
    'It keeps them until two people release it, whatever the date. Papers that come too late are named in tooLate.',
  headers: ['Idempotency-Key', 'Vault-Case'],
  body: { json: newHold },
  answers: {
    201: { description: 'It is in force.', schema: holdView, headers: ['Location', 'Idempotent-Replayed'] },
  },
  refusals: [
    'subject.unknown',
    'document.unknown',
    'document.purged',
    'case.missing',
    'hold.kind',
    'hold.exists',
    'hold.too-many',
    'hold.too-late',
    'ledger.conflict',
  ],
  verb: async () => (await import('../retention/place-hold.ts')).placeHold,
  handle: async ({ vault }, { caller, body, reason, idempotency }, placeHold) => ({
    kind: 'answered',
    answered: await placeHold(vault, caller, {
      reference: body.subject,
      kind: body.kind,
      case: body.case ?? reason.case,
      ...(body.document === undefined ? {} : { document: body.document }),
      idempotency,
    }),
  }),
})

export const describeHoldRoute = guarded({
  method: 'get',
  path: '/v1/holds/{id}',
  id: 'describeHold',
  action: 'hold.list',
  summary: 'One hold, in force or ended',
  params: z.strictObject({ id: holdId }),
  answers: { 200: { description: 'The hold.', schema: holdView } },
  refusals: ['hold.unknown'],
  verb: async () => (await import('../retention/list-holds.ts')).describeHold,
  handle: async ({ vault }, { caller, params: { id } }, describeHold) => ({
    kind: 'json',
    body: await describeHold(vault, caller, { id }),
  }),
})

export const releaseHoldRoute = guarded({
  method: 'post',
  path: '/v1/holds/{id}/release',
  id: 'releaseHold',
  action: 'hold.release',
  summary: 'End a hold; a second person stands beside',
  params: z.strictObject({ id: holdId }),
  headers: ['Idempotency-Key', 'Vault-Purpose', 'Vault-Case', 'Vault-Second-Authorization', 'Vault-Approval'],
  answers: {
    200: { description: 'It has ended.', schema: holdView, headers: ['Location', 'Idempotent-Replayed'] },
  },
  refusals: ['hold.unknown', 'hold.ended', 'ledger.conflict'],
  verb: async () => (await import('../retention/release-hold.ts')).releaseHold,
  handle: async ({ vault }, { caller, params: { id }, reason, beside, idempotency }, releaseHold) => ({
    kind: 'answered',
    answered: await releaseHold(vault, caller, { id, reason, ...beside, idempotency }),
  }),
})
