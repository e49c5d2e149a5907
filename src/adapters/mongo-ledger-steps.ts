import { documentMoves } from '../domain/document.ts'
import type { TenantId } from '../domain/ids.ts'
import { purgeRunMoves } from '../domain/purge-run.ts'
import type { Change } from '../ports/ledger.ts'
import { collectionOf, type LedgerCollection, type Put, rowId, rowOf } from './mongo-ledger-rows.ts'
import type { LedgerRow } from './mongo-schema.ts'

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
  readonly states?: readonly string[]
}

/**
 * One conditional write for each change, in their order.
 * @throws {RangeError} a version that is not the expected one's successor, rows of two tenants, or a move that no document
 *   or run makes: defects of the caller, not conflicts
 */
export function stepsFor(changes: readonly Change[]): readonly Step[] {
  const tenants = new Set(changes.flatMap(tenantOf))
  if (tenants.size > 1) throw new RangeError('a commit touches one tenant')
  const [tenant] = tenants
  return changes.map(change => ('put' in change ? stepForPut(change) : stepForForget(change, tenant)))
}

function stepForPut(change: Put): Step {
  const { row, expected, put } = change
  const collection = collectionOf[row]
  if (put.version !== expected + 1) throw new RangeError('a change carries the version after the expected one')
  const stored = rowOf(change)
  if (expected === 0) {
    if (row === 'document' && put.state !== 'depositing') throw new RangeError('a document begins as depositing')
    if (row === 'run' && put.state !== 'planned') throw new RangeError('a run begins as planned')
    return { collection, insert: stored }
  }
  const where = { _id: stored._id, version: expected, tenant: put.tenant }
  const states = originsOf(change)
  if (states === undefined) return { collection, where, replace: stored }
  if (states.length === 0) throw new RangeError(`no ${row} moves to that state`)
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

/** The states from which the row may get to the one that is put: a condition of the write. Undefined where any will do. */
function originsOf({ row, put }: Put): readonly string[] | undefined {
  if (row === 'document') return originsIn(documentMoves, put.state)
  if (row === 'run') return originsIn(purgeRunMoves, put.state)
  return undefined
}

function originsIn<State extends string>(
  legal: Readonly<Record<State, readonly State[]>>,
  to: State,
): readonly State[] {
  return (Object.keys(legal) as State[]).filter(from => legal[from].includes(to))
}
