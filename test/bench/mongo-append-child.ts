import { openMongo } from '../../src/adapters/mongo-connection.ts'
import { MongoTrailBatches } from '../../src/adapters/mongo-trail-batches.ts'
import { SystemClock } from '../../src/adapters/system-clock.ts'
import { Trail } from '../../src/guards/trail.ts'
import { appendAll, appendAtRate, type Waited } from './trail.ts'

/** So many entries: by callers that each wait for their last, or by `perSecond` whether those before are durable or not. */
export interface AskedOfChild {
  readonly count: number
  readonly perSecond?: number
}

/** One of the processes that append to one log: for each message it is sent, what each entry waited for. */
const [uri = '', database = '', instance = ''] = process.argv.slice(2)
await using mongo = await openMongo({ uri, database }, 'trail.unavailable')
const log = { info() {}, warn() {}, error() {} }
await using trail = new Trail({ batches: new MongoTrailBatches(mongo), clock: new SystemClock(), log, instance })
process.send?.('ready')
const ended = Promise.withResolvers<void>()
process.on('message', (asked: AskedOfChild) => {
  appended(asked).then(
    waited => process.send?.(waited),
    error => process.send?.(String(error)),
  )
})
process.once('disconnect', ended.resolve)
await ended.promise

async function appended({ count, perSecond }: AskedOfChild): Promise<Waited> {
  if (perSecond !== undefined) return appendAtRate(trail, count, perSecond)
  return { waitedMs: await appendAll(trail, count), refused: 0 }
}
