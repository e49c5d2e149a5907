import { VaultError } from '../domain/errors.ts'
import type { MongoConnection } from './mongo-connection.ts'
import { requireMigrated } from './mongo-migrations.ts'
import { type CollectionName, indexesOf } from './mongo-schema.ts'

/** What a database says of itself, in words; nothing of it is changed. */
export interface DatabaseFacts {
  /** What ends a start: the server, the form, collections or unique rules that are missing, rows without their trail. */
  readonly problems: readonly string[]
  /** Members of the set that hold data, and those that only vote. */
  readonly members: number
  readonly arbiters: number
}

/**
 * @throws {VaultError} of the port - it does not answer
 */
export async function inspectMongo(
  mongo: MongoConnection,
  collections: readonly CollectionName[],
): Promise<DatabaseFacts> {
  const hello = await mongo.ask(() => mongo.connection.getClient().db('admin').command({ hello: 1 }))
  const members = {
    members: countOf(hello['hosts']) + countOf(hello['passives']),
    arbiters: countOf(hello['arbiters']),
  }
  const wrong = await wrongForm(mongo)
  if (wrong.length > 0) return { problems: wrong, ...members }
  const gaps = await Promise.all(collections.map(name => gapsOf(mongo, name)))
  const lost = collections.includes('trail_batches') ? await lostTrail(mongo) : []
  return { problems: [...gaps.flat(), ...lost], ...members }
}

async function wrongForm(mongo: MongoConnection): Promise<readonly string[]> {
  try {
    await requireMigrated(mongo)
    return []
  } catch (error) {
    if (!(error instanceof VaultError) || error.code !== 'config.invalid') throw error
    return (error.facts.problems ?? []).map(({ message }) => message)
  }
}

/** A rule that is gone lets two rows be where one may be: two batches at one place of the trail, two papers of one upload. */
async function gapsOf(mongo: MongoConnection, name: CollectionName): Promise<readonly string[]> {
  const there = await mongo
    .ask(() => mongo.connection.collection(name).indexes())
    .catch(error => {
      if (isAbsent(error)) return undefined
      throw error
    })
  if (there === undefined) return [`names a database without the collection ${name}: run \`migrate\``]
  const known = new Set(there.map(({ key, unique }) => ruleOf(key, unique)))
  const missing = indexesOf(name).filter(([fields, options]) => !known.has(ruleOf(fields, options.unique)))
  return missing.map(
    ([fields]) => `names a database whose ${name} lack the index ${Object.keys(fields).join(',')}: run \`migrate\``,
  )
}

const ruleOf = (fields: object, unique: unknown): string => `${JSON.stringify(fields)}${unique === true ? ' once' : ''}`

/** No row comes to be without an entry: papers beside an empty trail mean that the trail is somewhere else. */
async function lostTrail(mongo: MongoConnection): Promise<readonly string[]> {
  const { connection } = mongo
  const find = (name: CollectionName) =>
    mongo.ask(session => connection.collection(name).findOne({}, { session, projection: { _id: 1 } }))
  const [row, batch] = await Promise.all([find('documents'), find('trail_batches')])
  return row && !batch ? ['names a database with papers and no trail: put the trail back'] : []
}

const countOf = (list: unknown): number => (Array.isArray(list) ? list.length : 0)

/** The connection passes what it knows as the port's own failure; the server's word is its cause. */
function isAbsent(error: unknown): boolean {
  const cause = error instanceof VaultError ? error.cause : error
  return cause instanceof Error && 'codeName' in cause && cause.codeName === 'NamespaceNotFound'
}

/**
 * Whether a URI lets what is sent be read or changed on the way: TLS is asked of every server but one on this machine.
 * @returns what is wrong, in words
 */
export function uriProblems(uri: string): readonly string[] {
  const [, scheme = '', hosts = ''] = /^(mongodb(?:\+srv)?):\/\/(?:[^@/]*@)?([^/?]*)/.exec(uri) ?? []
  const options = new URLSearchParams(uri.split('?')[1] ?? '')
  const value = (...names: readonly string[]) =>
    [...options].find(([name]) => names.includes(name.toLowerCase()))?.[1]?.toLowerCase()
  if (scheme === '') return ['holds no URI of MongoDB']
  const isHere = hosts.split(',').every(host => /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/.test(host))
  const isSecret = (value('tls', 'ssl') ?? (scheme === 'mongodb+srv' ? 'true' : 'false')) === 'true'
  const blind = ['tlsinsecure', 'tlsallowinvalidcertificates', 'tlsallowinvalidhostnames'].filter(
    name => value(name) === 'true',
  )
  return [
    ...(isSecret || isHere ? [] : ['names a server of another machine without tls=true']),
    ...blind.map(name => `takes any certificate (${name})`),
  ]
}
