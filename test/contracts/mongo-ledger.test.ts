import { MongoLedger } from '../../src/adapters/mongo-ledger.ts'
import { mongoNeeds, sharedMongo } from '../support/mongo-database.ts'
import { ledgerContract } from './ledger.contract.ts'

const empty = sharedMongo('ledger.unavailable')
const open = async () => new MongoLedger(await empty())

ledgerContract('mongo', open, mongoNeeds.skip)
