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

/** Every start looks whether the rules that two writers cannot both pass are still there. */
const inspecting = 'listIndexes'

/** Per role: what it may do to a row of the ledger, to a wrapped key and to a closed epoch. */
const rights = {
  upload: { rows: ['find', 'insert', 'update'], keys: ['find', 'insert'], closed: ['find'] },
  read: { rows: ['find', 'insert', 'update'], keys: ['find'], closed: [] },
  purge: { rows: ['find', 'insert', 'update', 'remove'], keys: ['find', 'remove'], closed: [] },
  rewrap: { rows: ['find'], keys: ['find', 'update'], closed: ['find', 'insert'] },
} as const satisfies Record<string, { readonly rows: Actions; readonly keys: Actions; readonly closed: Actions }>

/** Who may do what, and what two people wanted: whoever writes here can become anybody, so only who serves people does. */
const decisive: ReadonlySet<string> = new Set(['api_keys', 'approvals', 'denied_tokens', 'epochs'])
/** No business of an upload. */
const ofPurges: ReadonlySet<string> = new Set(['purge_runs', 'purge_pages', 'retention_states', 'desks'])

/** Only these does wrapping anew write. */
const writtenByRewrap: ReadonlySet<string> = new Set(['epochs'])

/**
 * The database users' roles. The trail is never updated and nothing of it is removed, by anybody; `migrate` is for whoever makes
 * collections and indexes, and brings rows of an older form to today's.
 */
export function mongoRoles(database: string, keysDatabase: string): Readonly<Record<string, MongoRole>> {
  const roles = Object.entries(rights).map(([name, right]) => {
    const main = mainCollections.map(collection =>
      on(database, collection, [...mainActions(collection, name, right.rows), inspecting]),
    )
    const keys = [
      on(keysDatabase, 'wrapped_keys', [...right.keys, inspecting]),
      on(keysDatabase, 'closed_epochs', [...right.closed, inspecting]),
    ]
    const forms = [on(database, 'migrations', ['find']), on(keysDatabase, 'migrations', ['find'])]
    return [name, { role: `vault-${name}`, privileges: [...main, ...keys, ...forms], roles: [] }] as const
  })
  const made = [
    ...mainCollections.map(name => [database, name] as const),
    ...keyCollections.map(name => [keysDatabase, name] as const),
  ]
  const forms = [database, keysDatabase].map(db => on(db, 'migrations', ['find', 'insert', 'createCollection']))
  const privileges = made.map(([db, name]) => {
    const hasRows = db === database && !name.startsWith('trail_')
    return on(db, name, ['createCollection', 'createIndex', inspecting, ...(hasRows ? ['find', 'update'] : [])])
  })
  return {
    ...Object.fromEntries(roles),
    migrate: { role: 'vault-migrate', privileges: [...privileges, ...forms], roles: [] },
  }
}

function mainActions(collection: CollectionName, role: string, rows: Actions): Actions {
  if (collection === 'trail_batches') return ['find', 'insert']
  if (collection === 'trail_probes' || collection === 'leases') return ['find', 'insert', 'update']
  if (collection === 'spends') return role === 'rewrap' ? [] : ['find', 'insert', 'update']
  if (decisive.has(collection) && (role === 'upload' || role === 'purge')) {
    return role === 'purge' && collection === 'denied_tokens' ? ['find', 'remove'] : ['find']
  }
  if (role === 'upload' && ofPurges.has(collection)) return ['find']
  // An upload that fails gives its idempotency key back.
  if (collection === 'answers' && role === 'upload') return [...rows, 'remove']
  return role === 'rewrap' && writtenByRewrap.has(collection) ? ['find', 'insert', 'update'] : rows
}

function on(db: string, collection: string, actions: readonly string[]): Privilege {
  return { resource: { db, collection }, actions }
}
