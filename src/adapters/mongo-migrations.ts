import { type Model, Schema } from 'mongoose'
import { VaultError } from '../domain/errors.ts'
import { isDuplicate, type MongoConnection } from './mongo-connection.ts'
import { fillAnswerTimes, fillForRetention } from './mongo-retention-rows.ts'
import { type CollectionName, indexesOf, modelOf } from './mongo-schema.ts'

/** The form of the collections that this vault reads and writes; grows by one with each migration. */
const currentVersion = 5
const oldestServer = 6

interface MigrationRow {
  readonly _id: number
}

function migrationModel({ connection }: MongoConnection): Model<MigrationRow> {
  const known = connection.models['migrations']
  if (known) return known as unknown as Model<MigrationRow>
  const schema = new Schema<MigrationRow>({ _id: Number }, { strict: 'throw', versionKey: false })
  return connection.model<MigrationRow>('migrations', schema)
}

/**
 * Brings the database to the current form. Each step may be repeated, and two instances may do it at once: collections and
 * indexes that are there are left as they are, and the row that ends a step is inserted once.
 *
 * @returns the version it was found in and the one it is in now
 * @throws {VaultError} config.invalid - the server is none the vault can rely on, or the form is newer than this vault
 */
export async function migrateMongo(
  mongo: MongoConnection,
  collections: readonly CollectionName[],
): Promise<{ readonly from: number; readonly to: number }> {
  await requireServer(mongo)
  const from = await versionOf(mongo)
  if (from > currentVersion) throw wrongVersion(from)
  for (const name of collections) await mongo.atLeisure(() => makeCollection(mongo, name))
  if (from < 3) await mongo.atLeisure(() => fillForRetention(mongo, collections))
  // Each time, since instances of a version before may have written rows without it after the step was noted.
  await mongo.atLeisure(() => fillAnswerTimes(mongo, collections))
  if (from < currentVersion) await note(mongo, currentVersion)
  return { from, to: currentVersion }
}

/** @throws {VaultError} config.invalid - the server or the form of the database is not the one this vault was made for */
export async function requireMigrated(mongo: MongoConnection): Promise<void> {
  await requireServer(mongo)
  const version = await versionOf(mongo)
  if (version !== currentVersion) throw wrongVersion(version)
}

/** Indexes build for as long as they need, so the deadline of a request does not hold here. */
async function makeCollection({ connection }: MongoConnection, name: CollectionName): Promise<void> {
  const { collection } = modelOf(connection, name)
  for (const [fields, options] of indexesOf(name)) {
    await collection.createIndex(fields as Record<string, 1 | -1>, options as object)
  }
  if (indexesOf(name).length > 0) return
  await connection.createCollection(name).catch(error => {
    // Another instance made it meanwhile.
    if (codeOf(error) !== 'NamespaceExists') throw error
  })
}

async function versionOf(mongo: MongoConnection): Promise<number> {
  const model = migrationModel(mongo)
  const row = await mongo.ask(session => model.findOne({}, undefined, { session, sort: { _id: -1 }, lean: true }))
  return Number(row?._id ?? 0)
}

async function note(mongo: MongoConnection, version: number): Promise<void> {
  const model = migrationModel(mongo)
  try {
    await mongo.ask(session => model.insertOne({ _id: version }, { session }))
  } catch (error) {
    if (!isDuplicate(error)) throw error
  }
}

/** Majorities and transactions need a replica set; what the vault asks of it is there since MongoDB 6. */
async function requireServer(mongo: MongoConnection): Promise<void> {
  const admin = mongo.connection.getClient().db('admin')
  const [hello, build] = await mongo.ask(() =>
    Promise.all([admin.command({ hello: 1 }), admin.command({ buildInfo: 1 })]),
  )
  const version = String(build.version)
  const problems = [
    ...(hello.setName || hello.msg === 'isdbgrid' ? [] : ['names a server that is no member of a replica set']),
    ...(Number(version.split('.')[0]) >= oldestServer
      ? []
      : [`names MongoDB ${version}; the vault needs ${oldestServer}`]),
  ]
  if (problems.length === 0) return
  throw new VaultError('config.invalid', {
    problems: problems.map(message => ({ field: 'VAULT_MONGODB_URI_FILE', message })),
  })
}

function wrongVersion(found: number): VaultError {
  const message =
    found > currentVersion
      ? `names a database of form ${found}, made by a newer vault; this one knows ${currentVersion}`
      : `names a database of form ${found}, and this vault needs ${currentVersion}: run \`migrate\` first`
  return new VaultError('config.invalid', { problems: [{ field: 'VAULT_MONGODB_URI_FILE', message }] })
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'codeName' in error ? String(error.codeName) : undefined
}
