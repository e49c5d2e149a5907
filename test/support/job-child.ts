import { openMongo } from '../../src/adapters/mongo-connection.ts'
import { MongoLedger } from '../../src/adapters/mongo-ledger.ts'
import { SystemClock } from '../../src/adapters/system-clock.ts'
import { startJobs } from '../../src/jobs/runner.ts'

/** What an instance tells of a run: when it asked for the lease that it got, and whether it stays in the run for ever. */
export interface RunTold {
  readonly askedMs: number
  readonly hangs: boolean
}

/** An instance with one job. The message `hang` keeps it in its next run until it is killed. */
const [uri = '', database = '', instance = '', everyMs = '', leaseMs = ''] = process.argv.slice(2)
await using mongo = await openMongo({ uri, database }, 'ledger.unavailable')
const below = new MongoLedger(mongo)
let askedMs = 0
const ledger: Pick<MongoLedger, 'takeLease' | 'dropLease'> = {
  takeLease: (name, holder, nowMs, ...more) => {
    askedMs = nowMs
    return below.takeLease(name, holder, nowMs, ...more)
  },
  dropLease: (...lease) => below.dropLease(...lease),
}
let hangs = false
process.on('message', () => {
  hangs = true
})
const log = { info() {}, warn() {}, error() {} }
const runner = startJobs({ ledger, clock: new SystemClock(), log, instance }, [
  {
    name: 'work',
    everyMs: Number(everyMs),
    firstAfterMs: 1,
    leaseMs: Number(leaseMs),
    async run() {
      process.send?.({ askedMs, hangs } satisfies RunTold)
      if (hangs) await new Promise(() => {})
      return 1
    },
  },
])
const ended = Promise.withResolvers<void>()
process.once('disconnect', ended.resolve)
await ended.promise
await runner.stop()
