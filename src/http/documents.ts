import { z } from 'zod'
import { parseDocumentId } from '../domain/ids.ts'
import { answerPage } from './lists.ts'
import { erasureReason } from './retention-schemas.ts'
import { guarded } from './route.ts'
import { documentId, documentView, pageOf, paging, subjectReference, uploadMeta } from './schemas.ts'

const ofSubject = '/v1/subjects/{subject}/documents'
const params = z.strictObject({ subject: subjectReference })

export const depositRoute = guarded({
  method: 'post',
  path: ofSubject,
  id: 'depositDocument',
  action: 'document.deposit',
  summary: 'Store a paper of a subject',
  description:
    'Two parts: meta first, a text field of JSON, then file. The request is judged and on record before the file is read. ' +
    'A first upload opens a subject that is not known yet.',
  params,
  headers: ['Idempotency-Key'],
  body: { multipart: uploadMeta },
  answers: {
    201: { description: 'It is stored.', schema: documentView, headers: ['Location', 'Idempotent-Replayed'] },
  },
  refusals: [
    'paper.type-not-allowed',
    'paper.kind-not-allowed',
    'paper.tier-too-low',
    'paper.quota',
    'tenant.inactive',
    'subject.closed',
    'capacity.no-slot',
    'multipart.malformed',
    'multipart.order',
    'multipart.parts',
    'file.empty',
    'file.too-large',
    'file.type-not-accepted',
    'file.broken',
    'file.pixels',
    'file.frames',
    'file.pages',
    'file.encrypted',
    'file.active',
    'file.too-complex',
    'document.duplicate',
    'document.restricted',
    'ledger.conflict',
    'storage.full',
    'keys.unavailable',
    'blobs.unavailable',
  ],
  verb: async () => (await import('../intake/deposit.ts')).deposit,
  handle: async ({ vault }, { caller, params: { subject }, body, idempotency, signal }, deposit) => {
    const { type, kind } = body.meta
    const input = { reference: subject, type, kind, idempotency, collect: body.collect, signal }
    return { kind: 'answered', answered: await deposit(vault, caller, input) }
  },
})

export const listDocumentsRoute = guarded({
  method: 'get',
  path: ofSubject,
  id: 'listDocuments',
  action: 'document.list',
  summary: 'The papers of a subject',
  params,
  query: z.strictObject(paging),
  answers: { 200: { description: 'In the order of arrival.', schema: pageOf(documentView, 'DocumentPage') } },
  refusals: ['subject.unknown', 'cursor.invalid'],
  verb: async () => (await import('../access/list-documents.ts')).listDocuments,
  handle: (door, asked, listDocuments) => {
    const { subject } = asked.params
    return answerPage(door, asked, { route: ofSubject, filter: { subject }, parse: parseDocumentId }, page =>
      listDocuments(door.vault, asked.caller, { reference: subject, ...page }),
    )
  },
})

export const describeDocumentRoute = guarded({
  method: 'get',
  path: '/v1/documents/{id}',
  id: 'describeDocument',
  action: 'document.describe',
  summary: 'What the vault knows of a paper, its content apart',
  description:
    'Also when it may be destroyed, on which basis, what holds it, and why in words. Who might have described it before it was ' +
    'destroyed is answered 410 with its tombstone and a link to its certificate.',
  params: z.strictObject({ id: documentId }),
  headers: ['If-None-Match'],
  answers: {
    200: { description: 'The paper.', schema: documentView, headers: ['ETag'] },
    304: { description: 'The copy of the client is the current one.', headers: ['ETag'] },
  },
  refusals: ['document.unknown', 'document.purged'],
  verb: async () => (await import('../access/describe-document.ts')).describeDocument,
  handle: async ({ vault }, { caller, params: { id } }, describeDocument) => {
    const view = await describeDocument(vault, caller, { id })
    return view.state === 'purged' ? { kind: 'gone', tombstone: view } : { kind: 'tagged', body: view }
  },
})

export const eraseDocumentRoute = guarded({
  method: 'post',
  path: '/v1/documents/{id}/erasure',
  id: 'eraseDocument',
  action: 'document.erase',
  summary: 'Destroy a paper before its time; a second person stands beside',
  description:
    'No read reaches the paper from the answer on; its key and bytes are destroyed by the next purge, and nothing takes it back.',
  params: z.strictObject({ id: documentId }),
  headers: ['Idempotency-Key', 'Vault-Purpose', 'Vault-Case', 'Vault-Second-Authorization', 'Vault-Approval'],
  body: { json: z.strictObject({ reason: erasureReason }).meta({ id: 'Erasure' }) },
  answers: {
    202: { description: 'It is given up.', schema: documentView, headers: ['Location', 'Idempotent-Replayed'] },
  },
  refusals: [
    'document.unknown',
    'document.purged',
    'document.held',
    'document.floor',
    'purpose.missing',
    'purpose.not-allowed',
    'case.missing',
    'policy.unknown',
    'ledger.conflict',
  ],
  verb: async () => (await import('../retention/erase-document.ts')).eraseDocument,
  handle: async ({ vault }, { caller, params: { id }, body, reason, beside, idempotency }, eraseDocument) => ({
    kind: 'answered',
    answered: await eraseDocument(vault, caller, { id, why: body.reason, reason, ...beside, idempotency }),
  }),
})
