import type { Document, DocumentState } from '../domain/document.ts'
import { documentMoves } from '../domain/document.ts'
import type { TenantId } from '../domain/ids.ts'
import type { Change } from '../ports/ledger.ts'
import type { CollectionName, LedgerRow } from './mongo-schema.ts'

export type LedgerCollection = Extract<
  CollectionName,
  'documents' | 'subjects' | 'reviews' | 'desks' | 'answers' | 'api_keys' | 'denied_tokens' | 'epochs'
>

/** One conditional write; `where` names at most one row, by its id, its version and what else must hold of it. */
export type Step = { readonly collection: LedgerCollection } & (
  | { readonly insert: LedgerRow }
  | { readonly where: Where; readonly replace: LedgerRow }
  | { readonly where: Where; readonly remove: true }
)

export interface Where {
  readonly _id: string
  readonly version: number
  readonly tenant?: string
  readonly states?: readonly DocumentState[]
}

const collectionOf: Readonly<Record<Change['row'], LedgerCollection>> = {
  document: 'documents',
  subject: 'subjects',
  review: 'reviews',
  desk: 'desks',
  answer: 'answers',
  key: 'api_keys',
  'denied-token': 'denied_tokens',
  epoch: 'epochs',
}

/** Ids of rows are bound to their tenant, so that no filter can forget it. */
export const rowId = (tenant: TenantId, id: string): string => `${tenant}/${id}`

/**
 * One conditional write for each change, in their order.
 * @throws {RangeError} a version that is not the expected one's successor, rows of two tenants, or a move that no document
 *   makes: defects of the caller, not conflicts
 */
export function stepsFor(changes: readonly Change[]): readonly Step[] {
  const tenants = new Set(changes.flatMap(tenantOf))
  if (tenants.size > 1) throw new RangeError('a commit touches one tenant')
  const [tenant] = tenants
  return changes.map(change => ('put' in change ? stepForPut(change) : stepForForget(change, tenant)))
}

function stepForPut(change: Extract<Change, { put: unknown }>): Step {
  const { row, expected, put } = change
  const collection = collectionOf[row]
  if (put.version !== expected + 1) throw new RangeError('a change carries the version after the expected one')
  const stored = rowOf(change)
  if (expected === 0) {
    if (row === 'document' && put.state !== 'depositing') throw new RangeError('a document begins as depositing')
    return { collection, insert: stored }
  }
  const where = { _id: stored._id, version: expected, tenant: put.tenant }
  if (row !== 'document') return { collection, where, replace: stored }
  const states = originsOf(put.state)
  if (states.length === 0) throw new RangeError('no document moves to that state')
  return { collection, where: { ...where, states }, replace: stored }
}

function stepForForget(change: Extract<Change, { forget: unknown }>, tenant: TenantId | undefined): Step {
  const { row, expected: version, forget } = change
  const where =
    'key' in forget
      ? { _id: forget.key, version, ...(tenant === undefined ? {} : { tenant }) }
      : { _id: rowId(forget.tenant, forget.id), version }
  return { collection: collectionOf[row], where, remove: true }
}

function tenantOf(change: Change): readonly TenantId[] {
  if ('put' in change) return [change.put.tenant]
  return 'tenant' in change.forget ? [change.forget.tenant] : []
}

function rowOf({ row, put }: Extract<Change, { put: unknown }>): LedgerRow {
  const { tenant, version } = put
  const core = { tenant, version, body: put }
  switch (row) {
    case 'document':
      return { ...core, _id: rowId(tenant, put.id), ...documentFields(put) }
    case 'subject':
      return { ...core, _id: rowId(tenant, put.id), reference: put.reference }
    case 'review':
      return { ...core, _id: rowId(tenant, put.id), document: put.document, state: put.state }
    case 'desk':
      return { ...core, _id: rowId(tenant, put.person) }
    case 'answer':
      return { ...core, _id: put.key, expiresMs: put.expiresAtMs }
    case 'key':
      return { ...core, _id: put.keyId }
    case 'denied-token':
      return { ...core, _id: rowId(tenant, put.id), expiresMs: put.expiresAtMs }
    case 'epoch':
      return { ...core, _id: rowId(tenant, put.epoch) }
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
      return { subject, state }
    case 'abandoned':
      return { subject, state, blobKey: put.blobKey, dueMs: put.abandonedAtMs }
  }
}

/** The states from which a document may get to `to`: a condition of the write. */
function originsOf(to: DocumentState): readonly DocumentState[] {
  return (Object.keys(documentMoves) as DocumentState[]).filter(from => documentMoves[from].includes(to))
}
