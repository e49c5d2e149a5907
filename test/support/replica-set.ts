import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { mongo } from 'mongoose'
import { emptyFolder } from './folder.ts'
import { freePort } from './free-port.ts'
import { mongoNeeds } from './mongo-database.ts'

/** Three servers of the test's own, which it may stop and kill. All of them go when it is disposed of. */
export interface ReplicaSet extends AsyncDisposable {
  readonly uri: string
  /** Ends the primary as a power cut would. */
  killPrimary(): Promise<void>
  /** Port and data folder of each. */
  readonly members: readonly { readonly port: number; readonly path: string; hasEnded(): boolean }[]
  /** Starts those that have ended, on what they left. */
  restartEnded(): Promise<void>
  /** Stops all but the primary until it is told to go on: nothing gets a majority meanwhile. */
  pauseSecondaries(): Promise<AsyncDisposable>
}

interface Member {
  readonly port: number
  readonly path: string
  process: ChildProcess
  hasEnded(): boolean
}

/**
 * Runs the program that the shared replica set runs.
 * @param prepare is given the data folder of each member before it starts; what it returns is disposed of after its end
 */
export async function ownReplicaSet(prepare?: (path: string) => Disposable): Promise<ReplicaSet> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await emptyFolder())
  const program = await programOfShared()
  const members: Member[] = []
  for (let at = 0; at < 3; at++) {
    const [port, path] = [await freePort(), join(folder.path, `m${at}`)]
    await mkdir(path)
    if (prepare) stack.use(prepare(path))
    const member: Member = {
      port,
      path,
      process: start(program, port, path),
      hasEnded: () => member.process.exitCode !== null || member.process.signalCode !== null,
    }
    stack.defer(() => end(member))
    members.push(member)
  }
  const uri = `mongodb://${members.map(({ port }) => `127.0.0.1:${port}`).join(',')}/?replicaSet=own`
  await initiate(members)
  const held = stack.move()
  return {
    uri,
    members,
    async restartEnded() {
      for (const member of members) if (member.hasEnded()) member.process = start(program, member.port, member.path)
    },
    async killPrimary() {
      const port = await primaryPort(uri)
      for (const member of members) if (member.port === port) await end(member)
    },
    async pauseSecondaries() {
      const port = await primaryPort(uri)
      const paused = members.filter(member => member.port !== port)
      for (const { process } of paused) process.kill('SIGSTOP')
      return {
        async [Symbol.asyncDispose]() {
          for (const { process } of paused) process.kill('SIGCONT')
        },
      }
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** The program that the shared replica set runs. */
export async function programOfShared(): Promise<string> {
  const { argv } = await ask(mongoNeeds.value, { getCmdLineOpts: 1 })
  const [program] = Array.isArray(argv) ? argv : []
  if (typeof program !== 'string') throw new Error('the shared replica set does not say what it runs')
  return program
}

function start(program: string, port: number, path: string): ChildProcess {
  const limits = ['--wiredTigerCacheSizeGB', '0.25', '--oplogSize', '64', '--setParameter', 'ttlMonitorEnabled=false']
  const place = ['--port', String(port), '--dbpath', path, '--bind_ip', '127.0.0.1', '--replSet', 'own']
  return spawn(program, [...place, ...limits], { stdio: 'ignore' })
}

async function end(member: Member): Promise<void> {
  const { process } = member
  if (member.hasEnded()) return
  const gone = once(process, 'exit')
  process.kill('SIGKILL')
  await gone
}

async function initiate(members: readonly Member[]): Promise<void> {
  const config = {
    _id: 'own',
    members: members.map(({ port }, _id) => ({ _id, host: `127.0.0.1:${port}` })),
    settings: { electionTimeoutMillis: 1_000, heartbeatIntervalMillis: 250 },
  }
  const [first] = members
  if (!first) throw new Error('a set has members')
  const aloneAt = (port: number): string => `mongodb://127.0.0.1:${port}/?directConnection=true`
  // The first refuses to begin while it cannot reach the others.
  await Promise.all(members.map(({ port }) => ask(aloneAt(port), { hello: 1 })))
  const alone = aloneAt(first.port)
  await ask(alone, { replSetInitiate: config })
  for (;;) {
    const { isWritablePrimary } = await ask(alone, { hello: 1 })
    if (isWritablePrimary === true) return
    await new Promise(setImmediate)
  }
}

/** Of 127.0.0.1. */
export async function primaryPort(uri: string): Promise<number> {
  const { primary } = await ask(uri, { hello: 1 })
  return Number(String(primary).split(':')[1])
}

async function ask(uri: string, command: mongo.BSON.Document): Promise<mongo.BSON.Document> {
  await using client = new mongo.MongoClient(uri, { serverSelectionTimeoutMS: 20_000 })
  return await client.db('admin').command(command)
}
