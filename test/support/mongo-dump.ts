import { mongo } from 'mongoose'
import { mongoNeeds } from './mongo-database.ts'
import type { ProductionPlace } from './production-place.ts'

type Rows = readonly mongo.BSON.Document[]
/** Every collection of both databases, by `<database>.<collection>`. */
export type Dump = ReadonlyMap<string, Rows>

/** As a dump of both databases has them. */
export async function dump({ settings }: ProductionPlace): Promise<Dump> {
  await using client = new mongo.MongoClient(mongoNeeds.value)
  const found = new Map<string, Rows>()
  for (const name of [settings.VAULT_MONGODB_DATABASE, settings.VAULT_MONGODB_KEYS_DATABASE]) {
    const database = client.db(name)
    for (const { name: collection } of await database.listCollections().toArray()) {
      found.set(`${name}.${collection}`, await database.collection(collection).find().toArray())
    }
  }
  return found
}

/** Puts back what was dumped of the collections that are chosen; of all when nothing is said. */
export async function putBack(dumped: Dump, isChosen: (collection: string) => boolean = () => true): Promise<void> {
  await using client = new mongo.MongoClient(mongoNeeds.value)
  for (const [name, rows] of dumped) {
    const at = name.indexOf('.')
    const [database, collection] = [name.slice(0, at), name.slice(at + 1)]
    if (!isChosen(collection)) continue
    const into = client.db(database).collection(collection)
    await into.deleteMany({}, { writeConcern: { w: 'majority' } })
    if (rows.length > 0) await into.insertMany([...rows], { writeConcern: { w: 'majority' } })
  }
}
