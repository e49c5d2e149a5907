import { openMongo } from '../../src/adapters/mongo-connection.ts'
import { MongoTrailBatches } from '../../src/adapters/mongo-trail-batches.ts'
import { SystemClock } from '../../src/adapters/system-clock.ts'
import { Trail } from '../../src/guards/trail.ts'
import { appendAll } from './trail.ts'

/** One of the processes that append to one log: for each number it is sent, so many entries, and what each waited for. */
const [uri = '', database = '', instance = ''] = process.argv.slice(2)
await using mongo = await openMongo({ uri, database }, 'trail.unavailable')
const log = { info() {}, warn() {}, error() {} }
await using trail = new Trail({ batches: new MongoTrailBatches(mongo), clock: new SystemClock(), log, instance })
process.send?.('ready')
const ended = Promise.withResolvers<void>()
process.on('message', (count: number) => {
  appendAll(trail, count).then(
    waited => process.send?.(waited),
    error => process.send?.(String(error)),
  )
})
process.once('disconnect', ended.resolve)
await ended.promise
