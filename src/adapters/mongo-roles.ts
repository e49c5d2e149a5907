import { type CollectionName, keyCollections, mainCollections } from './mongo-schema.ts'

interface Privilege {
  readonly resource: { readonly db: string; readonly collection: string }
  readonly actions: readonly string[]
}

/** What `db.createRole` takes. */
export interface MongoRole {
  readonly role: string
  readonly privileges: readonly Privilege[]
  readonly roles: readonly []
}

type Actions = readonly ('find' | 'insert' | 'update' | 'remove')[]

/** Per role: what it may do to a row of the ledger, to a wrapped key and to a closed epoch. */
const rights = {
  upload: { rows: ['find', 'insert', 'update'], keys: ['find', 'insert'], closed: ['find'] },
  read: { rows: ['find', 'insert', 'update'], keys: ['find'], closed: [] },
  purge: { rows: ['find', 'insert', 'update', 'remove'], keys: ['find', 'remove'], closed: [] },
  rewrap: { rows: ['find'], keys: ['find', 'update'], closed: ['find', 'insert'] },
} as const satisfies Record<string, { readonly rows: Actions; readonly keys: Actions; readonly closed: Actions }>

/** Only these does wrapping anew write. */
const writtenByRewrap: ReadonlySet<string> = new Set(['epochs'])

/**
 * The database users' roles. The trail is never updated and nothing of it is removed, by anybody; `migrate` is for whoever makes
 * collections and indexes, and reads no row.
 */
export function mongoRoles(database: string, keysDatabase: string): Readonly<Record<string, MongoRole>> {
  const roles = Object.entries(rights).map(([name, right]) => {
    const main = mainCollections.map(collection => on(database, collection, mainActions(collection, name, right.rows)))
    const keys = [on(keysDatabase, 'wrapped_keys', right.keys), on(keysDatabase, 'closed_epochs', right.closed)]
    const forms = [on(database, 'migrations', ['find']), on(keysDatabase, 'migrations', ['find'])]
    const privileges = [...main, ...keys, ...forms].filter(({ actions }) => actions.length > 0)
    return [name, { role: `vault-${name}`, privileges, roles: [] }] as const
  })
  const made = [
    ...mainCollections.map(name => [database, name] as const),
    ...keyCollections.map(name => [keysDatabase, name] as const),
  ]
  const forms = [database, keysDatabase].map(db => on(db, 'migrations', ['find', 'insert', 'createCollection']))
  const privileges = made.map(([db, name]) => on(db, name, ['createCollection', 'createIndex', 'listIndexes']))
  return {
    ...Object.fromEntries(roles),
    migrate: { role: 'vault-migrate', privileges: [...privileges, ...forms], roles: [] },
  }
}

function mainActions(collection: CollectionName, role: string, rows: Actions): Actions {
  if (collection === 'trail_batches') return ['find', 'insert']
  if (collection === 'trail_probes' || collection === 'leases') return ['find', 'insert', 'update']
  if (collection === 'spends') return role === 'rewrap' ? [] : ['find', 'insert', 'update']
  return role === 'rewrap' && writtenByRewrap.has(collection) ? ['find', 'insert', 'update'] : rows
}

function on(db: string, collection: string, actions: readonly string[]): Privilege {
  return { resource: { db, collection }, actions }
}
