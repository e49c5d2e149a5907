import { SqliteLedger } from '../../src/adapters/sqlite-ledger.ts'
import { freshSqlite } from '../support/fresh-sqlite.ts'
import { ledgerContract } from './ledger.contract.ts'

ledgerContract('sqlite', async t => new SqliteLedger((await freshSqlite(t)).thread))
