import { randomBytes } from 'node:crypto'
import { after, type TestContext } from 'node:test'
import { type MongoConnection, openMongo } from '../../src/adapters/mongo-connection.ts'
import { migrateMongo } from '../../src/adapters/mongo-migrations.ts'
import { keyCollections, mainCollections } from '../../src/adapters/mongo-schema.ts'
import { needsVariable } from './needs.ts'

export const mongoNeeds = needsVariable('VAULT_TEST_MONGODB_URI', 'a MongoDB replica set')

export type Failure = Parameters<typeof openMongo>[1]

/** An empty, migrated database of the test's own; it goes after the test. */
export async function freshMongo(t: TestContext, failure: Failure = 'ledger.unavailable'): Promise<MongoConnection> {
  const uri = `${mongoNeeds.value}&monitorCommands=true`
  const mongo = await openMongo({ uri, database: freshName() }, failure)
  t.after(() => drop(mongo))
  await migrateMongo(mongo, [...mainCollections, ...keyCollections])
  return mongo
}

/** Another connection to the same database, as another instance has it. */
export async function secondMongo(t: TestContext, first: MongoConnection, failure: Failure): Promise<MongoConnection> {
  const mongo = await openMongo({ uri: mongoNeeds.value, database: first.connection.name }, failure)
  t.after(() => mongo[Symbol.asyncDispose]())
  return mongo
}

export const freshName = (): string => `vault-test-${randomBytes(8).toString('hex')}`

async function drop(mongo: MongoConnection): Promise<void> {
  await mongo.connection.dropDatabase()
  await mongo[Symbol.asyncDispose]()
}

/**
 * One database for a whole file, called at its top: making indexes takes long.
 * @returns what gives a test the connection, with every collection empty
 */
export function sharedMongo(failure: Failure): () => Promise<MongoConnection> {
  let opening: Promise<MongoConnection> | undefined
  after(async () => {
    if (opening) await drop(await opening)
  })
  return async () => {
    opening ??= openShared(failure)
    const mongo = await opening
    const names = [...mainCollections, ...keyCollections]
    await Promise.all(names.map(name => mongo.connection.collection(name).deleteMany({})))
    return mongo
  }
}

async function openShared(failure: Failure): Promise<MongoConnection> {
  const mongo = await openMongo({ uri: mongoNeeds.value, database: freshName() }, failure)
  await migrateMongo(mongo, [...mainCollections, ...keyCollections])
  return mongo
}
