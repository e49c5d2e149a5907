import { documentMoves } from '../domain/document.ts'
import type { TenantId } from '../domain/ids.ts'
import { purgeRunMoves } from '../domain/purge-run.ts'
import type { Change } from '../ports/ledger.ts'
import { columnsOf, keyOf, type Put, type Table, tables } from './sqlite-ledger-rows.ts'
import type { Step } from './sqlite-message.ts'

const whereKey = ({ key }: Table): string => `${key.map(name => `${name} = ?`).join(' AND ')} AND version = ?`

/** By parameters that come after those of the columns, the version and the body. */
function whereRow({ key, columns }: Table): string {
  const from = columns.length + 3
  return [...key, 'version'].map((name, at) => `${name} = ?${from + at}`).join(' AND ')
}

const inserts = perTable(({ name, key, columns }) => {
  const all = [...key, ...columns, 'version', 'body']
  return `INSERT INTO ${name} (${all.join(', ')}) VALUES (${all.map(() => '?').join(', ')})`
})

const updates = perTable(table => {
  const set = [...table.columns, 'version', 'body'].map((name, at) => `${name} = ?${at + 1}`)
  return `UPDATE ${table.name} SET ${set.join(', ')} WHERE ${whereRow(table)}`
})

/**
 * The same, with the same parameters, for a row whose columns stay as they are, but for its state: a column that is set is
 * taken out of its indexes and put in again, though nothing of it changes.
 */
const narrowUpdates = perTable(table => {
  const columns = table.columns.map((name, at) => [name, `?${at + 1}`] as const)
  const next = table.columns.length + 1
  const set = [...columns.filter(([name]) => name === 'state'), ['version', `?${next}`], ['body', `?${next + 1}`]]
  const same = columns.filter(([name]) => name !== 'state').map(([name, value]) => ` AND +${name} IS ${value}`)
  const sets = set.map(([name, value]) => `${name} = ${value}`)
  return `UPDATE ${table.name} SET ${sets.join(', ')} WHERE ${whereRow(table)}${same.join('')}`
})

/** By the state that is moved to: the states it may be reached from are a condition of the write. */
const moves = {
  document: movesOf(updates.document, documentMoves),
  run: movesOf(updates.run, purgeRunMoves),
}
const narrowMoves = movesOf(narrowUpdates.document, documentMoves)

const deletes = perTable(table => `DELETE FROM ${table.name} WHERE ${whereKey(table)}`)
const forgetAnswer = 'DELETE FROM answer WHERE key = ? AND version = ? AND tenant = coalesce(?, tenant)'

/**
 * One conditional statement for each change, in their order.
 * @throws {RangeError} a version that is not the expected one's successor, rows of two tenants, or a move that no document
 *   or run makes: defects of the caller, not conflicts
 */
export function stepsFor(changes: readonly Change[]): readonly Step[] {
  const tenants = new Set(changes.flatMap(tenantOf))
  if (tenants.size > 1) throw new RangeError('a commit touches one tenant')
  const [tenant = null] = tenants
  return changes.map(change => ('put' in change ? stepForPut(change) : stepForForget(change, tenant)))
}

/** The version that lies there, of a change that was refused though nothing else had changed; only rows with moves have it. */
export function versionQuestion(change: Change): Omit<Step, 'changes'> | undefined {
  if (!('put' in change) || !(change.row === 'document' || change.row === 'run')) return undefined
  const { name } = tables[change.row]
  return { sql: `SELECT version FROM ${name} WHERE tenant = ? AND id = ?`, params: keyOf(change) }
}

function stepForPut(change: Put): Step {
  const { row, expected, put } = change
  if (put.version !== expected + 1) throw new RangeError('a change carries the version after the expected one')
  const key = keyOf(change)
  const columns = [...columnsOf(change), put.version, JSON.stringify(put)]
  if (expected === 0) {
    if (row === 'document' && put.state !== 'depositing') throw new RangeError('a document begins as depositing')
    if (row === 'run' && put.state !== 'planned') throw new RangeError('a run begins as planned')
    return { sql: inserts[row], params: [...key, ...columns], changes: 1 }
  }
  const sql = row === 'document' || row === 'run' ? moves[row].get(put.state) : updates[row]
  if (sql === undefined) throw new RangeError(`no ${row} moves to that state`)
  const params = [...columns, ...key, expected]
  const narrow = narrowFor(change)
  return narrow === undefined ? { sql, params, changes: 1 } : { sql: narrow, orElse: sql, params, changes: 1 }
}

/** For rows that are mostly moved without their columns. */
function narrowFor({ row, put }: Put): string | undefined {
  if (row === 'subject') return narrowUpdates.subject
  return row === 'document' && put.state === 'purging' ? narrowMoves.get('purging') : undefined
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

function perTable(sql: (table: Table) => string): Readonly<Record<Change['row'], string>> {
  const made = Object.entries(tables).map(([row, table]) => [row, sql(table)] as const)
  return Object.fromEntries(made) as Record<Change['row'], string>
}

function movesOf<State extends string>(
  update: string,
  legal: Readonly<Record<State, readonly State[]>>,
): ReadonlyMap<string, string> {
  const states = Object.keys(legal) as State[]
  return new Map(
    states
      .map(to => [to, states.filter(from => legal[from].includes(to))] as const)
      .filter(([, origins]) => origins.length > 0)
      .map(([to, origins]) => [to, `${update} AND state IN (${origins.map(origin => `'${origin}'`).join(', ')})`]),
  )
}
