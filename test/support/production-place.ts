import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mongo } from 'mongoose'
import { emptyFolder } from './folder.ts'
import { freshKms, kmsNeeds } from './kms-keys.ts'
import { freshName, mongoNeeds } from './mongo-database.ts'
import { primaryPort } from './replica-set.ts'
import { type Bucket, freshBucket, s3Needs } from './s3-bucket.ts'
import { tenantsIn } from './tenants-in.ts'
import { type FaultProxy, freshProxy, proxyNeeds } from './toxic.ts'
import { type WatchedWay, watchedWay } from './watched-way.ts'

export const productionSkip = mongoNeeds.skip || s3Needs.skip || kmsNeeds.skip || proxyNeeds.skip

/** A way to a server that can be cut, and on which requests are told apart. */
export interface Way extends FaultProxy {
  readonly requests: WatchedWay
}

/** Databases, bucket and keys of the test's own, for vaults that run as processes. S3 and KMS are reached by a way that can be cut. */
export interface ProductionPlace extends AsyncDisposable {
  readonly settings: Readonly<Record<string, string>>
  readonly folder: string
  /** The KMS key for `keys init`. */
  readonly doorKey: string
  /** ARN of the key that wraps papers. */
  readonly documentsArn: string
  readonly bucket: Bucket
  readonly s3: Way
  readonly kms: Way
  /** Of a file that `caller bootstrap` wrote. */
  keyOf(file: string, tenant: string, role: string): Promise<string>
  /** By name, the last number that each lease has given out. */
  leases(): Promise<ReadonlyMap<string, number>>
  /** Every row of every collection of both databases, as BSON. */
  rows(): Promise<readonly Uint8Array[]>
}

/** The same, and a way to the database that can be cut too: straight to the one that is the primary now. */
export interface CuttablePlace extends ProductionPlace {
  readonly mongo: Way
}

export async function cuttablePlace(): Promise<CuttablePlace> {
  await using stack = new AsyncDisposableStack()
  const way = stack.use(await freshWay(`http://127.0.0.1:${await primaryPort(mongoNeeds.value)}`))
  const place = stack.use(await productionPlace(`mongodb://${way.host}:${way.port}/?directConnection=true`))
  const held = stack.move()
  return { ...place, mongo: way, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

/**
 * @param mongoUri the shared set when absent
 * @param policies the shipped ones when absent
 */
export async function productionPlace(
  mongoUri = mongoNeeds.value,
  policies?: Parameters<typeof tenantsIn>[2],
): Promise<ProductionPlace> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await emptyFolder()).path
  const bucket = stack.use(await freshBucket(true))
  const anchor = stack.use(await freshBucket(true, true))
  const keys = stack.use(await freshKms())
  const s3 = stack.use(await freshWay(s3Needs.endpoint))
  const kms = stack.use(await freshWay(kmsNeeds.endpoint))
  const databases = [freshName(), freshName()] as const
  const client = stack.use(new mongo.MongoClient(mongoUri))
  stack.defer(() => dropDatabases(client, databases))
  const uriFile = join(folder, 'mongodb-uri')
  await writeFile(uriFile, `${mongoUri}\n`, { mode: 0o600 })
  const held = stack.move()
  return {
    folder,
    doorKey: keys.doorKey,
    documentsArn: keys.documentsArn,
    bucket,
    s3,
    kms,
    settings: {
      VAULT_BACKING: 'production',
      VAULT_PORT: '0',
      VAULT_TENANTS_DIR: await tenantsIn(folder, s3Needs.region, policies),
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
    async leases() {
      const rows = await client.db(databases[0]).collection<{ _id: string; fence: number }>('leases').find().toArray()
      return new Map(rows.map(({ _id, fence }) => [_id, fence]))
    },
    async rows() {
      const found: Uint8Array[] = []
      for (const name of databases) {
        for (const collection of await client.db(name).collections()) {
          for await (const row of collection.find({}, { raw: true })) found.push(row as unknown as Uint8Array)
        }
      }
      return found
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** @param server `http://host:port`, of a MongoDB server too */
async function freshWay(server: string): Promise<Way> {
  await using stack = new AsyncDisposableStack()
  const requests = stack.use(await watchedWay(server))
  const proxy = stack.use(await freshProxy(requests.url))
  const held = stack.move()
  return { ...proxy, requests, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

async function dropDatabases(client: mongo.MongoClient, names: readonly string[]): Promise<void> {
  for (const name of names) await client.db(name).dropDatabase()
}
