import { type Document, type DocumentState, documentMoves } from '../domain/document.ts'
import type { TenantId } from '../domain/ids.ts'
import type { Change } from '../ports/ledger.ts'
import type { SqlValue, Step } from './sqlite-message.ts'

/** A table of the ledger: its key, bound to the tenant, and the columns beside the body. */
interface Table {
  readonly name: string
  readonly key: readonly string[]
  readonly columns: readonly string[]
}

const tables = {
  document: {
    name: 'document',
    key: ['tenant', 'id'],
    columns: ['subject', 'state', 'upload_mac', 'blob_key', 'due_ms'],
  },
  subject: { name: 'subject', key: ['tenant', 'id'], columns: ['reference'] },
  review: { name: 'review', key: ['tenant', 'id'], columns: ['document', 'state'] },
  desk: { name: 'desk', key: ['tenant', 'person'], columns: [] },
  answer: { name: 'answer', key: ['tenant', 'key'], columns: ['expires_ms'] },
  key: { name: 'api_key', key: ['tenant', 'key_id'], columns: [] },
  'denied-token': { name: 'denied_token', key: ['tenant', 'id'], columns: ['expires_ms'] },
  epoch: { name: 'epoch', key: ['tenant', 'epoch'], columns: [] },
} as const satisfies Record<Change['row'], Table>

const whereKey = ({ key }: Table): string => `${key.map(name => `${name} = ?`).join(' AND ')} AND version = ?`

const inserts = perTable(({ name, key, columns }) => {
  const all = [...key, ...columns, 'version', 'body']
  return `INSERT INTO ${name} (${all.join(', ')}) VALUES (${all.map(() => '?').join(', ')})`
})

const updates = perTable(table => {
  const set = [...table.columns, 'version', 'body'].map(name => `${name} = ?`)
  return `UPDATE ${table.name} SET ${set.join(', ')} WHERE ${whereKey(table)}`
})

/** By the state that is moved to: the states it may be reached from are a condition of the write. */
const documentUpdates = new Map(
  originsByState().map(([state, origins]) => [
    state,
    `${updates.document} AND state IN (${origins.map(origin => `'${origin}'`).join(', ')})`,
  ]),
)

const deletes = perTable(table => `DELETE FROM ${table.name} WHERE ${whereKey(table)}`)
const forgetAnswer = 'DELETE FROM answer WHERE key = ? AND version = ? AND tenant = coalesce(?, tenant)'

/**
 * One conditional statement for each change, in their order.
 * @throws {RangeError} a version that is not the expected one's successor, rows of two tenants, or a move that no document
 *   makes: defects of the caller, not conflicts
 */
export function stepsFor(changes: readonly Change[]): readonly Step[] {
  const tenants = new Set(changes.flatMap(tenantOf))
  if (tenants.size > 1) throw new RangeError('a commit touches one tenant')
  const [tenant = null] = tenants
  return changes.map(change => ('put' in change ? stepForPut(change) : stepForForget(change, tenant)))
}

function stepForPut(change: Extract<Change, { put: unknown }>): Step {
  const { row, expected, put } = change
  if (put.version !== expected + 1) throw new RangeError('a change carries the version after the expected one')
  const key = keyOf(change)
  const columns = [...columnsOf(change), put.version, JSON.stringify(put)]
  if (expected === 0) {
    if (row === 'document' && put.state !== 'depositing') throw new RangeError('a document begins as depositing')
    return { sql: inserts[row], params: [...key, ...columns], changes: 1 }
  }
  const sql = row === 'document' ? documentUpdates.get(put.state) : updates[row]
  if (sql === undefined) throw new RangeError('no document moves to that state')
  return { sql, params: [...columns, ...key, expected], changes: 1 }
}

function stepForForget(change: Extract<Change, { forget: unknown }>, tenant: TenantId | null): Step {
  const { row, expected, forget } = change
  if ('key' in forget) return { sql: forgetAnswer, params: [forget.key, expected, tenant], changes: 1 }
  return { sql: deletes[row], params: [forget.tenant, forget.id, expected], changes: 1 }
}

function tenantOf(change: Change): readonly TenantId[] {
  if ('put' in change) return [change.put.tenant]
  return 'tenant' in change.forget ? [change.forget.tenant] : []
}

function keyOf({ row, put }: Extract<Change, { put: unknown }>): readonly SqlValue[] {
  switch (row) {
    case 'document':
    case 'subject':
    case 'review':
    case 'denied-token':
      return [put.tenant, put.id]
    case 'desk':
      return [put.tenant, put.person]
    case 'answer':
      return [put.tenant, put.key]
    case 'key':
      return [put.tenant, put.keyId]
    case 'epoch':
      return [put.tenant, put.epoch]
  }
}

/** The values of the table's `columns`, in their order. */
function columnsOf({ row, put }: Extract<Change, { put: unknown }>): readonly SqlValue[] {
  switch (row) {
    case 'document':
      return documentColumns(put)
    case 'subject':
      return [put.reference]
    case 'review':
      return [put.document, put.state]
    case 'answer':
    case 'denied-token':
      return [put.expiresAtMs]
    case 'desk':
    case 'key':
    case 'epoch':
      return []
  }
}

function documentColumns(put: Document): readonly SqlValue[] {
  switch (put.state) {
    case 'depositing':
      return [put.subject, put.state, put.uploadMac, put.blobKey, put.deadlineMs]
    case 'stored':
    case 'purging':
      return [put.subject, put.state, put.uploadMac, put.blobKey, null]
    case 'purged':
      return [put.subject, put.state, null, null, null]
    case 'abandoned':
      return [put.subject, put.state, put.uploadMac, put.blobKey, put.abandonedAtMs]
  }
}

function perTable(sql: (table: Table) => string): Readonly<Record<Change['row'], string>> {
  return {
    document: sql(tables.document),
    subject: sql(tables.subject),
    review: sql(tables.review),
    desk: sql(tables.desk),
    answer: sql(tables.answer),
    key: sql(tables.key),
    'denied-token': sql(tables['denied-token']),
    epoch: sql(tables.epoch),
  }
}

function originsByState(): readonly (readonly [DocumentState, readonly DocumentState[]])[] {
  const states = Object.keys(documentMoves) as DocumentState[]
  return states
    .map(to => [to, states.filter(from => documentMoves[from].includes(to))] as const)
    .filter(([, origins]) => origins.length > 0)
}
