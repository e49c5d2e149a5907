import { openSqlite } from '../../src/adapters/sqlite-thread.ts'
import { SqliteTrailBatches } from '../../src/adapters/sqlite-trail-batches.ts'
import { SystemClock } from '../../src/adapters/system-clock.ts'
import { Trail } from '../../src/guards/trail.ts'
import { draftOf, KeptLog } from './trail-writing.ts'

/** Appends without end, ten at a time, and prints each place once it is acknowledged: one JSON a line, until it is killed. */
const batches = new SqliteTrailBatches(await openSqlite(process.argv[2] ?? ''))
const trail = new Trail({ batches, clock: new SystemClock(), log: new KeptLog(), instance: `child-${process.pid}` })

async function appendWithoutEnd(): Promise<never> {
  for (;;) {
    const [placed] = await trail.append([draftOf('omo7777')])
    process.stdout.write(`${JSON.stringify(placed)}\n`)
  }
}

await Promise.all(Array.from({ length: 10 }, appendWithoutEnd))
