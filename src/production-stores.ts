import { readFile } from 'node:fs/promises'
import { openKmsKeyring } from './adapters/kms-keyring.ts'
import { readTenantKeys } from './adapters/kms-tenant-keys.ts'
import { MongoBudgets } from './adapters/mongo-budgets.ts'
import { type MongoConnection, openMongo } from './adapters/mongo-connection.ts'
import { MongoLedger } from './adapters/mongo-ledger.ts'
import { migrateMongo, requireMigrated } from './adapters/mongo-migrations.ts'
import { keyCollections, mainCollections } from './adapters/mongo-schema.ts'
import { MongoTrailBatches } from './adapters/mongo-trail-batches.ts'
import { MongoWrappedKeys } from './adapters/mongo-wrapped-keys.ts'
import { openS3Blobs } from './adapters/s3-blobs.ts'
import { openS3Destroyed } from './adapters/s3-destroyed.ts'
import type { ProductionConfig } from './config.ts'
import { VaultError } from './domain/errors.ts'
import type { ProcessRole } from './domain/process-role.ts'
import type { Blobs } from './ports/blobs.ts'
import type { Keyring } from './ports/keyring.ts'
import type { Ports } from './ports/ports.ts'

export type Stores = Pick<Ports, 'ledger' | 'batches' | 'wrappedKeys' | 'budgets' | 'blobs' | 'destroyed' | 'keyring'>

/**
 * Opens MongoDB, S3 and KMS. Each is asked once, so that a setting that cannot work ends the start.
 *
 * @param stack closes what was opened, also when another part fails
 * @param roles whose needs decide what is opened: a process that neither takes papers in nor shows any asks nothing of KMS
 * @throws {VaultError} config.invalid - a secret's file, the door file, or the form of a database; problems in words
 * @throws {VaultError} ledger.unavailable, keys.unavailable, blobs.unavailable - what does not answer
 */
export async function openProductionStores(
  config: ProductionConfig,
  stack: AsyncDisposableStack,
  roles: readonly ProcessRole[],
): Promise<Stores> {
  const [databases, ring, bucket, anchor] = await Promise.allSettled([
    openDatabases(config, stack),
    openRing(config, stack, roles),
    openBucket(config, stack, roles),
    openAnchor(config, stack, roles),
  ])
  const { main, keys } = resultOf(databases)
  await Promise.all([requireMigrated(main), requireMigrated(keys)])
  return {
    ledger: new MongoLedger(main),
    budgets: new MongoBudgets(main),
    batches: new MongoTrailBatches(main.as('trail.unavailable')),
    wrappedKeys: new MongoWrappedKeys(keys),
    keyring: resultOf(ring),
    blobs: resultOf(bucket),
    destroyed: resultOf(anchor),
  }
}

/**
 * Brings both databases to the form that this vault reads; may be repeated, and run from several places at once.
 * @throws {VaultError} as `openProductionStores`
 */
export async function migrateProductionStores(
  config: ProductionConfig,
): Promise<readonly { readonly database: string; readonly from: number; readonly to: number }[]> {
  await using stack = new AsyncDisposableStack()
  const { main, keys } = await openDatabases(config, stack, true)
  const { database, keysDatabase } = config.mongo
  return [
    { database, ...(await migrateMongo(main, mainCollections)) },
    { database: keysDatabase, ...(await migrateMongo(keys, keyCollections)) },
  ]
}

/** The wrapped keys see what the others have seen, where they share a cluster. */
async function openDatabases(
  { mongo }: ProductionConfig,
  stack: AsyncDisposableStack,
  atLeisure = false,
): Promise<{ readonly main: MongoConnection; readonly keys: MongoConnection }> {
  const { uriFile, database, keysUriFile, keysDatabase } = mongo
  const uri = await readSecret(uriFile, 'VAULT_MONGODB_URI_FILE')
  const main = stack.use(await openMongo({ uri, database, atLeisure }, 'ledger.unavailable'))
  if (keysUriFile === undefined) {
    if (keysDatabase !== database) return { main, keys: main.as('keys.unavailable', keysDatabase) }
    throw problem('VAULT_MONGODB_KEYS_DATABASE', 'must be another than VAULT_MONGODB_DATABASE')
  }
  const keysUri = await readSecret(keysUriFile, 'VAULT_MONGODB_KEYS_URI_FILE')
  const keys = stack.use(await openMongo({ uri: keysUri, database: keysDatabase, atLeisure }, 'keys.unavailable'))
  return { main, keys }
}

async function openRing(
  { kms }: ProductionConfig,
  stack: AsyncDisposableStack,
  roles: readonly ProcessRole[],
): Promise<Keyring> {
  const may = [
    ...(roles.includes('intake') ? (['make'] as const) : []),
    ...(roles.includes('access') ? (['open'] as const) : []),
    ...(roles.includes('keys') ? (['rewrap'] as const) : []),
  ]
  if (may.length === 0) return withheld('keyring')
  const { documentsKey: documents, formerDocumentsKeys: formerDocuments, blindIndexKey: blindIndex } = kms
  const documentsOf = await readTenantKeys(kms.tenantKeysFile)
  const keys = { documents, documentsOf, formerDocuments, blindIndex }
  const knowsCallers = may.includes('make') || may.includes('open')
  const door = knowsCallers ? { doorFile: kms.doorFile } : {}
  const { deletionDays } = kms
  return stack.use(await openKmsKeyring({ ...placeOf(kms), keys, ...door, may, deletionDays }))
}

/** Stands where a process has no business. */
function withheld<Port extends object>(port: string): Port {
  const refuse = (): never => {
    throw new VaultError('effect.withheld', { detail: port })
  }
  return new Proxy({} as Port, { get: (_, name) => (name === 'then' ? undefined : refuse) })
}

/** Every process holds its start against the list; only one that destroys writes to it. */
async function openAnchor(
  { s3, anchor }: ProductionConfig,
  stack: AsyncDisposableStack,
  roles: readonly ProcessRole[],
) {
  return stack.use(await openS3Destroyed({ ...placeOf(s3), ...anchor, prefix: s3.prefix }, roles.includes('jobs')))
}

async function openBucket(
  { s3 }: ProductionConfig,
  stack: AsyncDisposableStack,
  roles: readonly ProcessRole[],
): Promise<Blobs> {
  // Wrapping keys anew touches no body; whoever only reads looks at all of them.
  if (roles.length > 0 && roles.every(role => role === 'keys')) return withheld('blobs')
  return stack.use(
    await openS3Blobs({ ...placeOf(s3), bucket: s3.bucket, prefix: s3.prefix, puts: roles.includes('intake') }),
  )
}

/** Credentials are found as the AWS SDK finds them: a role of the machine or the process, never a setting of the vault. */
function placeOf({ region, endpoint }: { readonly region: string; readonly endpoint: string | undefined }) {
  return { region, ...(endpoint === undefined ? {} : { endpoint }) }
}

async function readSecret(path: string, field: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    throw problem(field, `names a file that cannot be read (${code})`, error)
  }
}

function problem(field: string, message: string, cause?: unknown): VaultError {
  return new VaultError('config.invalid', { problems: [{ field, message }] }, cause)
}

function resultOf<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason
  return result.value
}
