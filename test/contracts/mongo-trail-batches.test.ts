import { MongoTrailBatches } from '../../src/adapters/mongo-trail-batches.ts'
import { mongoNeeds, sharedMongo } from '../support/mongo-database.ts'
import { trailBatchesContract } from './trail-batches.contract.ts'

const empty = sharedMongo('trail.unavailable')
const open = async () => new MongoTrailBatches(await empty())

trailBatchesContract('mongo', open, mongoNeeds.skip)
