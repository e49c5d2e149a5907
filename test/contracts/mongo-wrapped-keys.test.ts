import { MongoWrappedKeys } from '../../src/adapters/mongo-wrapped-keys.ts'
import { mongoNeeds, sharedMongo } from '../support/mongo-database.ts'
import { wrappedKeysContract } from './wrapped-keys.contract.ts'

const empty = sharedMongo('keys.unavailable')
const open = async () => new MongoWrappedKeys(await empty())

wrappedKeysContract('mongo', open, mongoNeeds.skip)
