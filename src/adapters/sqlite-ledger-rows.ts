import type { Document } from '../domain/document.ts'
import { isInForce } from '../domain/hold.ts'
import { answerBeganMs, isUnanswered, type Subject } from '../domain/subject.ts'
import type { Change } from '../ports/ledger.ts'
import type { SqlValue } from './sqlite-message.ts'

/** A table of the ledger: its key, bound to the tenant, and the columns beside the body. */
export interface Table {
  readonly name: string
  readonly key: readonly string[]
  readonly columns: readonly string[]
}

export type Put = Extract<Change, { put: unknown }>

export const tables = {
  document: {
    name: 'document',
    key: ['tenant', 'id'],
    columns: ['subject', 'state', 'upload_mac', 'blob_key', 'due_ms', 'purged_ms'],
  },
  subject: {
    name: 'subject',
    key: ['tenant', 'id'],
    columns: ['reference', 'look_ms', 'held', 'unanswered', 'answer_ms'],
  },
  review: { name: 'review', key: ['tenant', 'id'], columns: ['document', 'state'] },
  desk: { name: 'desk', key: ['tenant', 'person'], columns: [] },
  answer: { name: 'answer', key: ['tenant', 'key'], columns: ['expires_ms', 'document', 'subject'] },
  key: { name: 'api_key', key: ['tenant', 'key_id'], columns: [] },
  'denied-token': { name: 'denied_token', key: ['tenant', 'id'], columns: ['expires_ms'] },
  epoch: { name: 'epoch', key: ['tenant', 'epoch'], columns: [] },
  run: { name: 'purge_run', key: ['tenant', 'id'], columns: ['state'] },
  page: { name: 'purge_page', key: ['tenant', 'run', 'n'], columns: [] },
  approval: { name: 'approval', key: ['tenant', 'id'], columns: ['state'] },
  retention: { name: 'retention_state', key: ['tenant'], columns: [] },
} as const satisfies Record<Change['row'], Table>

/** The values of the table's `key`, in their order. */
export function keyOf({ row, put }: Put): readonly SqlValue[] {
  switch (row) {
    case 'document':
    case 'subject':
    case 'review':
    case 'denied-token':
    case 'run':
    case 'approval':
      return [put.tenant, put.id]
    case 'desk':
      return [put.tenant, put.person]
    case 'answer':
      return [put.tenant, put.key]
    case 'key':
      return [put.tenant, put.keyId]
    case 'epoch':
      return [put.tenant, put.epoch]
    case 'page':
      return [put.tenant, put.run, put.n]
    case 'retention':
      return [put.tenant]
  }
}

/** The values of the table's `columns`, in their order. */
export function columnsOf({ row, put }: Put): readonly SqlValue[] {
  switch (row) {
    case 'document':
      return documentColumns(put)
    case 'subject':
      return subjectColumns(put)
    case 'review':
      return [put.document, put.state]
    case 'answer':
      return [put.expiresAtMs, put.document ?? null, put.subject ?? null]
    case 'denied-token':
      return [put.expiresAtMs]
    case 'run':
    case 'approval':
      return [put.state]
    case 'desk':
    case 'key':
    case 'epoch':
    case 'page':
    case 'retention':
      return []
  }
}

function documentColumns(put: Document): readonly SqlValue[] {
  switch (put.state) {
    case 'depositing':
      return [put.subject, put.state, put.uploadMac, put.blobKey, put.deadlineMs, null]
    case 'stored':
    case 'purging':
      return [put.subject, put.state, put.uploadMac, put.blobKey, null, null]
    case 'purged':
      return [put.subject, put.state, null, null, null, put.purgedAtMs]
    case 'abandoned':
      return [put.subject, put.state, put.uploadMac, put.blobKey, put.abandonedAtMs, null]
  }
}

function subjectColumns(put: Subject): readonly SqlValue[] {
  const { reference, lookAtMs = null, holds } = put
  return [reference, lookAtMs, Number(holds.some(isInForce)), Number(isUnanswered(put)), answerBeganMs(put) ?? null]
}
