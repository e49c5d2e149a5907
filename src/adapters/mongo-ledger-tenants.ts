import { trusted } from 'mongoose'
import type { TenantId } from '../domain/ids.ts'
import type { MongoConnection } from './mongo-connection.ts'
import type { LedgerCollection } from './mongo-ledger-rows.ts'
import { type LedgerRow, modelOf } from './mongo-schema.ts'

const hopped = [
  'documents',
  'subjects',
  'reviews',
  'desks',
  'denied_tokens',
  'epochs',
  'purge_runs',
  'purge_pages',
  'approvals',
  'retention_states',
] as const satisfies readonly LedgerCollection[]
/** Their ids name no tenant. */
const listed = ['answers', 'api_keys'] as const satisfies readonly LedgerCollection[]

/** `0` is what follows `/` in the order of bytes, and stands in no other tenant's ids at that place before it. */
export const pastIdsOf = (prefix: string): string => `${prefix}0`

/** Every tenant that has a row in the ledger, ascending. */
export async function tenantsIn(mongo: MongoConnection): Promise<readonly TenantId[]> {
  const found = await Promise.all([
    ...hopped.map(name => tenantsByHops(mongo, name)),
    ...listed.map(name =>
      mongo.ask(session => modelOf<LedgerRow>(mongo.connection, name).distinct('tenant').session(session)),
    ),
  ])
  return [...new Set(found.flat())].toSorted() as TenantId[]
}

/** From tenant to tenant along the ids: a plain `distinct` would walk every row. */
async function tenantsByHops(mongo: MongoConnection, name: LedgerCollection): Promise<readonly string[]> {
  const rows = modelOf<LedgerRow>(mongo.connection, name)
  const found: string[] = []
  for (let beyond = ''; ; ) {
    const filter = { _id: trusted({ $gte: beyond }) }
    const row = await mongo.ask(session =>
      rows.findOne(filter, { tenant: 1 }, { lean: true, session, sort: { _id: 1 } }),
    )
    if (!row) return found
    found.push(row.tenant)
    beyond = pastIdsOf(row.tenant)
  }
}
