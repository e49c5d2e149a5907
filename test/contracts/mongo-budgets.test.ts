import { MongoBudgets } from '../../src/adapters/mongo-budgets.ts'
import { mongoNeeds, sharedMongo } from '../support/mongo-database.ts'
import { budgetsContract } from './budgets.contract.ts'

const empty = sharedMongo('ledger.unavailable')
const open = async () => new MongoBudgets(await empty())

budgetsContract('mongo', open, mongoNeeds.skip)
