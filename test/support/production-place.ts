import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mongo } from 'mongoose'
import { emptyFolder } from './folder.ts'
import { freshKms, kmsNeeds } from './kms-keys.ts'
import { freshName, mongoNeeds } from './mongo-database.ts'
import { freshBucket, s3Needs } from './s3-bucket.ts'
import { tenantsIn } from './tenants-in.ts'
import { type FaultProxy, freshProxy, proxyNeeds } from './toxic.ts'

export const productionSkip = mongoNeeds.skip || s3Needs.skip || kmsNeeds.skip || proxyNeeds.skip

/** Databases (on the shared set when no other is named), bucket and keys of the test's own, for vaults that run as processes. S3 and KMS are reached by a way that can be cut. */
export interface ProductionPlace extends AsyncDisposable {
  readonly settings: Readonly<Record<string, string>>
  readonly folder: string
  /** The KMS key for `keys init`. */
  readonly doorKey: string
  /** Of the key behind the documents' alias. */
  readonly documentsArn: string
  readonly s3: FaultProxy
  readonly kms: FaultProxy
  /** Of a file that `caller bootstrap` wrote. */
  keyOf(file: string, tenant: string, role: string): Promise<string>
}

export async function productionPlace(mongoUri = mongoNeeds.value): Promise<ProductionPlace> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await emptyFolder()).path
  const bucket = stack.use(await freshBucket(true))
  const anchor = stack.use(await freshBucket(true, true))
  const keys = stack.use(await freshKms())
  const s3 = stack.use(await freshProxy(s3Needs.endpoint))
  const kms = stack.use(await freshProxy(kmsNeeds.endpoint))
  const databases = [freshName(), freshName()] as const
  stack.defer(() => dropDatabases(mongoUri, databases))
  const uriFile = join(folder, 'mongodb-uri')
  await writeFile(uriFile, `${mongoUri}\n`, { mode: 0o600 })
  const held = stack.move()
  return {
    folder,
    doorKey: keys.doorKey,
    documentsArn: keys.documentsArn,
    s3,
    kms,
    settings: {
      VAULT_BACKING: 'production',
      VAULT_PORT: '0',
      VAULT_TENANTS_DIR: await tenantsIn(folder, s3Needs.region),
      VAULT_REGIONS: s3Needs.region,
      VAULT_TLS_FLOOR: '1.3',
      VAULT_DEMO_REFERENCES: 'allow',
      VAULT_MONGODB_URI_FILE: uriFile,
      VAULT_MONGODB_DATABASE: databases[0],
      VAULT_MONGODB_KEYS_DATABASE: databases[1],
      VAULT_S3_REGION: s3Needs.region,
      VAULT_S3_BUCKET: bucket.bucket,
      VAULT_S3_ENDPOINT: s3.url,
      VAULT_ANCHOR_BUCKET: anchor.bucket,
      VAULT_ANCHOR_LOCK: 'governance',
      VAULT_ANCHOR_LOCK_DAYS: '1',
      VAULT_KMS_REGION: kmsNeeds.region,
      VAULT_KMS_ENDPOINT: kms.url,
      VAULT_KMS_DOCUMENTS_KEY: keys.options.keys.documents,
      VAULT_KMS_BLIND_INDEX_KEY: keys.options.keys.blindIndex,
      VAULT_KMS_DOOR_FILE: join(folder, 'door-of-production.json'),
      AWS_ACCESS_KEY_ID: s3Needs.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3Needs.credentials.secretAccessKey,
    },
    async keyOf(file, tenant, role) {
      const { keys: made } = JSON.parse(await readFile(file, 'utf8')) as {
        readonly keys: readonly { readonly tenant: string; readonly role: string; readonly key: string }[]
      }
      const found = made.find(key => key.tenant === tenant && key.role === role)
      if (!found) throw new Error(`no key of ${tenant} ${role}`)
      return found.key
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

async function dropDatabases(uri: string, names: readonly string[]): Promise<void> {
  await using client = new mongo.MongoClient(uri)
  for (const name of names) await client.db(name).dropDatabase()
}
