import type { Document } from '../domain/document.ts'
import { isInForce } from '../domain/hold.ts'
import type { PurgeRunId, TenantId } from '../domain/ids.ts'
import { answerBeganMs, isUnanswered, type Subject } from '../domain/subject.ts'
import type { Change } from '../ports/ledger.ts'
import type { CollectionName, LedgerRow } from './mongo-schema.ts'

export type Put = Extract<Change, { put: unknown }>

export const collectionOf = {
  document: 'documents',
  subject: 'subjects',
  review: 'reviews',
  desk: 'desks',
  answer: 'answers',
  key: 'api_keys',
  'denied-token': 'denied_tokens',
  epoch: 'epochs',
  run: 'purge_runs',
  page: 'purge_pages',
  approval: 'approvals',
  retention: 'retention_states',
} as const satisfies Record<Change['row'], CollectionName>

export type LedgerCollection = (typeof collectionOf)[Change['row']]

/** Ids of rows are bound to their tenant, so that no filter can forget it. */
export const rowId = (tenant: TenantId, id: string): string => `${tenant}/${id}`

/** Digits enough that pages are in their order as text. */
export const pageId = (tenant: TenantId, run: PurgeRunId, n: number): string =>
  rowId(tenant, `${run}/${String(n).padStart(10, '0')}`)

/** The row as it lies in its collection: the body, and beside it only what a query or a rule needs. */
export function rowOf({ row, put }: Put): LedgerRow {
  const { tenant, version } = put
  const core = { tenant, version, body: put }
  switch (row) {
    case 'document':
      return { ...core, _id: rowId(tenant, put.id), ...documentFields(put) }
    case 'subject':
      return { ...core, _id: rowId(tenant, put.id), ...subjectFields(put) }
    case 'review':
      return { ...core, _id: rowId(tenant, put.id), document: put.document, state: put.state }
    case 'desk':
      return { ...core, _id: rowId(tenant, put.person) }
    case 'answer':
      return {
        ...core,
        _id: put.key,
        expiresMs: put.expiresAtMs,
        ...present(put, 'document'),
        ...present(put, 'subject'),
      }
    case 'key':
      return { ...core, _id: put.keyId }
    case 'denied-token':
      return { ...core, _id: rowId(tenant, put.id), expiresMs: put.expiresAtMs }
    case 'epoch':
      return { ...core, _id: rowId(tenant, put.epoch) }
    case 'run':
    case 'approval':
      return { ...core, _id: rowId(tenant, put.id), state: put.state }
    case 'page':
      return { ...core, _id: pageId(tenant, put.run, put.n) }
    case 'retention':
      return { ...core, _id: rowId(tenant, '') }
  }
}

function documentFields(put: Document): Partial<LedgerRow> {
  const { subject, state } = put
  switch (put.state) {
    case 'depositing':
      return { subject, state, liveUpload: put.uploadMac, blobKey: put.blobKey, dueMs: put.deadlineMs }
    case 'stored':
      return { subject, state, liveUpload: put.uploadMac, blobKey: put.blobKey }
    case 'purging':
      return { subject, state, blobKey: put.blobKey }
    case 'purged':
      return { subject, state, purgedMs: put.purgedAtMs }
    case 'abandoned':
      return { subject, state, blobKey: put.blobKey, dueMs: put.abandonedAtMs }
  }
}

function subjectFields(put: Subject): Partial<LedgerRow> {
  const answerMs = answerBeganMs(put)
  return {
    reference: put.reference,
    ...(put.lookAtMs === undefined ? {} : { lookMs: put.lookAtMs }),
    ...(put.holds.some(isInForce) ? { held: true } : {}),
    ...(isUnanswered(put) ? { unanswered: true } : {}),
    ...(answerMs === undefined ? {} : { answerMs }),
  }
}

function present<Name extends 'document' | 'subject'>(
  put: Partial<Record<Name, string>>,
  name: Name,
): Partial<LedgerRow> {
  return put[name] === undefined ? {} : { [name]: put[name] }
}
