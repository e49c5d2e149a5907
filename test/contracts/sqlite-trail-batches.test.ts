import { SqliteTrailBatches } from '../../src/adapters/sqlite-trail-batches.ts'
import { freshSqlite } from '../support/fresh-sqlite.ts'
import { trailBatchesContract } from './trail-batches.contract.ts'

trailBatchesContract('sqlite', async t => new SqliteTrailBatches((await freshSqlite(t)).thread))
