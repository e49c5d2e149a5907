import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { openMongo } from '../../src/adapters/mongo-connection.ts'
import { migrateMongo } from '../../src/adapters/mongo-migrations.ts'
import { mainCollections } from '../../src/adapters/mongo-schema.ts'
import { freshName, mongoNeeds } from '../support/mongo-database.ts'
import type { AskedOfChild } from './mongo-append-child.ts'
import { median, type Options, quantile, type Row, shown } from './row.ts'
import type { Waited } from './trail.ts'

const processes = 4
/** What all processes together are asked for while waits are taken. */
const offeredPerSecond = 5_000
const program = fileURLToPath(new URL('mongo-append-child.ts', import.meta.url))

/**
 * `mongo-append`: durable entries of single calls on one log, from four processes, acknowledged by a majority of three. Waits
 * are taken under an offered load; how much goes through at most is taken apart, since waits there say only how many callers
 * there are (800 that get 8,000/s wait for 100 ms, however quick the writer is).
 */
export async function benchMongoAppend({ rounds, quick, progress }: Options): Promise<readonly Row[]> {
  await using mongo = await openMongo({ uri: mongoNeeds.value, database: freshName() }, 'trail.unavailable')
  await migrateMongo(mongo, mainCollections)
  const children: ChildProcess[] = []
  const [rate, p50, p99, reached, refused]: [number[], number[], number[], number[], number[]] = [[], [], [], [], []]
  const closed: AskedOfChild = { count: quick ? 1_000 : 5_000 }
  const perSecond = offeredPerSecond / processes
  const open: AskedOfChild = { count: perSecond * (quick ? 2 : 5), perSecond }
  try {
    for (let at = 0; at < processes; at++) {
      const args = [mongoNeeds.value, mongo.connection.name, `bench-${at}`]
      const child = fork(program, args, { serialization: 'advanced' })
      children.push(child)
      await once(child, 'message')
    }
    await appendedByAll(children, { count: closed.count / 4 })
    for (let round = 0; round < rounds; round++) {
      rate.push((await appendedByAll(children, closed)).perSecond)
      const offered = await appendedByAll(children, open)
      p50.push(quantile(offered.waitedMs, 0.5))
      p99.push(quantile(offered.waitedMs, 0.99))
      reached.push(offered.perSecond)
      refused.push(offered.refused)
      progress(`mongo-append, round ${round + 1} of ${rounds}`)
    }
  } finally {
    for (const child of children) child.disconnect()
    await mongo.connection.dropDatabase()
  }
  const name = 'trail append, set of three'
  const refusals = refused.reduce((sum, one) => sum + one, 0)
  const offered = [
    `${processes} processes, one log, ${shown(offeredPerSecond)}/s offered, ${shown(median(reached))}/s reached, ${refusals} refused`,
  ]
  return [
    {
      bench: 'mongo-append',
      name: `${name}, at most`,
      unit: '/s',
      ask: { bound: 'at least', value: 5_000 },
      values: rate,
      notes: [`${processes} processes, one log, 200 callers each that wait for their last entry`],
    },
    {
      bench: 'mongo-append',
      name: `${name}, p50 at ${shown(offeredPerSecond)}/s`,
      unit: 'ms',
      ask: { bound: 'at most', value: 30 },
      values: p50,
      notes: offered,
    },
    {
      bench: 'mongo-append',
      name: `${name}, p99 at ${shown(offeredPerSecond)}/s`,
      unit: 'ms',
      ask: { bound: 'at most', value: 200 },
      values: p99,
      notes: offered,
    },
  ]
}

async function appendedByAll(
  children: readonly ChildProcess[],
  asked: AskedOfChild,
): Promise<Waited & { readonly perSecond: number }> {
  const startedMs = performance.now()
  const all = await Promise.all(children.map(child => appended(child, asked)))
  const seconds = (performance.now() - startedMs) / 1_000
  const waitedMs = all.flatMap(one => one.waitedMs)
  const refused = all.reduce((sum, one) => sum + one.refused, 0)
  return { waitedMs, refused, perSecond: (waitedMs.length - refused) / seconds }
}

async function appended(child: ChildProcess, asked: AskedOfChild): Promise<Waited> {
  child.send(asked)
  const [answer] = (await once(child, 'message')) as [Waited | string]
  if (typeof answer === 'string') throw new Error(answer)
  return answer
}
