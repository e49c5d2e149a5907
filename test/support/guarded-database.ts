import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mongo } from 'mongoose'
import type { MongoRole } from '../../src/adapters/mongo-roles.ts'
import { emptyFolder } from './folder.ts'
import { freePort } from './free-port.ts'
import { programOfShared } from './replica-set.ts'

/** A replica set of one member that asks everybody who they are. It goes when it is disposed of. */
export interface GuardedDatabase extends AsyncDisposable {
  /** Of whoever may do everything. */
  readonly uri: string
  /** Makes the role and a user who has it and nothing else. @returns the user's URI */
  userWith(role: MongoRole): Promise<string>
}

export async function guardedDatabase(): Promise<GuardedDatabase> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await emptyFolder())
  const [port, data, keyFile] = [await freePort(), join(folder.path, 'data'), join(folder.path, 'member.key')]
  await mkdir(data)
  await writeFile(keyFile, randomBytes(96).toString('base64'), { mode: 0o600 })
  const place = ['--port', String(port), '--dbpath', data, '--bind_ip', '127.0.0.1', '--replSet', 'guarded']
  const guard = ['--auth', '--keyFile', keyFile, '--wiredTigerCacheSizeGB', '0.25']
  const server = spawn(await programOfShared(), [...place, ...guard], { stdio: 'ignore' })
  stack.defer(() => end(server))
  await begin(port)
  const password = randomBytes(16).toString('hex')
  const uriOf = (user: string) => `mongodb://${user}:${password}@127.0.0.1:${port}/?replicaSet=guarded&authSource=admin`
  // As long as there is nobody, whoever comes from this machine may make the first.
  await ask(`mongodb://127.0.0.1:${port}/?directConnection=true`, {
    createUser: 'first',
    pwd: password,
    roles: ['root'],
  })
  const held = stack.move()
  return {
    uri: uriOf('first'),
    async userWith({ role, ...rights }) {
      await ask(uriOf('first'), { createRole: role, ...rights })
      await ask(uriOf('first'), { createUser: role, pwd: password, roles: [role] })
      return uriOf(role)
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

async function begin(port: number): Promise<void> {
  const uri = `mongodb://127.0.0.1:${port}/?directConnection=true`
  await ask(uri, { replSetInitiate: { _id: 'guarded', members: [{ _id: 0, host: `127.0.0.1:${port}` }] } })
  while ((await ask(uri, { hello: 1 }))['isWritablePrimary'] !== true) await new Promise(setImmediate)
}

async function ask(uri: string, command: mongo.BSON.Document): Promise<mongo.BSON.Document> {
  await using client = new mongo.MongoClient(uri, { serverSelectionTimeoutMS: 20_000 })
  return await client.db('admin').command(command)
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const gone = once(server, 'exit')
  server.kill('SIGKILL')
  await gone
}
