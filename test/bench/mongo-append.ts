import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { openMongo } from '../../src/adapters/mongo-connection.ts'
import { migrateMongo } from '../../src/adapters/mongo-migrations.ts'
import { mainCollections } from '../../src/adapters/mongo-schema.ts'
import { freshName, mongoNeeds } from '../support/mongo-database.ts'
import { type Options, quantile, type Row } from './row.ts'

const processes = 4
const program = fileURLToPath(new URL('mongo-append-child.ts', import.meta.url))

/** `mongo-append`: durable entries of single calls on one log, from four processes, acknowledged by a majority of three. */
export async function benchMongoAppend({ rounds, quick, progress }: Options): Promise<readonly Row[]> {
  await using mongo = await openMongo({ uri: mongoNeeds.value, database: freshName() }, 'trail.unavailable')
  await migrateMongo(mongo, mainCollections)
  const children: ChildProcess[] = []
  const [rate, p50, p99]: [number[], number[], number[]] = [[], [], []]
  const count = quick ? 1_000 : 5_000
  try {
    for (let at = 0; at < processes; at++) {
      const args = [mongoNeeds.value, mongo.connection.name, `bench-${at}`]
      const child = fork(program, args, { serialization: 'advanced' })
      children.push(child)
      await once(child, 'message')
    }
    await Promise.all(children.map(child => appended(child, count / 4)))
    for (let round = 0; round < rounds; round++) {
      const startedMs = performance.now()
      const waited = (await Promise.all(children.map(child => appended(child, count)))).flat()
      rate.push((waited.length * 1_000) / (performance.now() - startedMs))
      p50.push(quantile(waited, 0.5))
      p99.push(quantile(waited, 0.99))
      progress(`mongo-append, round ${round + 1} of ${rounds}`)
    }
  } finally {
    for (const child of children) child.disconnect()
    await mongo.connection.dropDatabase()
  }
  const notes = [`${processes} processes, 200 callers each, one log`]
  const row = (name: string, unit: string, bound: 'at least' | 'at most', value: number, values: readonly number[]) =>
    ({
      bench: 'mongo-append',
      name: `trail append, set of three${name}`,
      unit,
      ask: { bound, value },
      values,
      notes,
    }) as const
  return [
    row('', '/s', 'at least', 5_000, rate),
    row(', p50', 'ms', 'at most', 30, p50),
    row(', p99', 'ms', 'at most', 200, p99),
  ]
}

async function appended(child: ChildProcess, count: number): Promise<readonly number[]> {
  child.send(count)
  const [answer] = (await once(child, 'message')) as [readonly number[] | string]
  if (typeof answer === 'string') throw new Error(answer)
  return answer
}
