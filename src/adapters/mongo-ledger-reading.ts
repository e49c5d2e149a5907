import { trusted } from 'mongoose'
import type { TenantId } from '../domain/ids.ts'
import type { Page } from '../ports/ledger.ts'
import type { MongoConnection } from './mongo-connection.ts'
import { type LedgerCollection, rowId } from './mongo-ledger-rows.ts'
import { pastIdsOf } from './mongo-ledger-tenants.ts'
import { type LedgerRow, modelOf } from './mongo-schema.ts'

export interface Listing {
  readonly limit: number
  /** By id when absent. */
  readonly sort?: Readonly<Record<string, 1 | -1>>
}

/** @param filter names one row at most: an order would only make the server weigh other ways to find it */
export async function theBody<Row>(
  mongo: MongoConnection,
  name: LedgerCollection,
  filter: object,
): Promise<Row | undefined> {
  const row = await mongo.ask(session =>
    modelOf<LedgerRow>(mongo.connection, name).findOne(filter, { body: 1 }, { lean: true, session, maxTimeMS: 2_000 }),
  )
  return row ? (row.body as Row) : undefined
}

/** What `commit` wrote, as it was: nothing else writes bodies. */
export async function bodiesOf<Row>(
  mongo: MongoConnection,
  name: LedgerCollection,
  filter: object,
  { limit, sort = { _id: 1 } }: Listing,
): Promise<readonly Row[]> {
  const rows = await mongo.ask(session =>
    modelOf<LedgerRow>(mongo.connection, name).find(
      filter,
      { body: 1 },
      { lean: true, session, sort, limit, maxTimeMS: 2_000 },
    ),
  )
  return rows.map(({ body }) => body as Row)
}

export function countRows(mongo: MongoConnection, name: LedgerCollection, filter: object): Promise<number> {
  return mongo.ask(session =>
    modelOf<LedgerRow>(mongo.connection, name).countDocuments(filter, { session, maxTimeMS: 2_000 }),
  )
}

/** Strictly after a row in the order of a field and the id; for `$or`. */
export function beyond(field: string, value: string | number, id: string): object {
  return trusted([{ [field]: trusted({ $gt: value }) }, { [field]: value, _id: trusted({ $gt: id }) }])
}

/** One of these, all named by the caller. */
export function among(values: readonly string[]): object {
  return trusted({ $in: values })
}

/** The ids of one tenant that come after the page's. */
export function after<Id extends string>(tenant: TenantId, page: Page<Id>): object {
  return trusted({ $gt: rowId(tenant, page.after ?? ''), $lt: pastIdsOf(tenant) })
}
