import { randomBytes, randomUUID } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { CreateAliasCommand, CreateKeyCommand, DescribeKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { CreateBucketCommand, HeadBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3'
import { mongo } from 'mongoose'

/**
 * Makes what an operator makes by hand before the vault's own commands can run (infra/README.md), on the servers of
 * docker-compose.yml: a replica set, a bucket, three keys behind aliases. Whatever is there stays, so it may run at every start.
 *
 * The emulator of KMS keeps its keys in memory alone. So that papers outlive a restart, each key's id and material are kept in
 * a file and given to it anew. A real KMS gives no material away and needs none of this.
 */
const patienceMs = 120_000

const setting = (name: string): string => {
  const value = process.env[name]
  if (value === undefined || value === '') throw new Error(`${name} is not set`)
  return value
}

/** Servers start beside this script: what does not answer yet is asked again. */
async function untilAnswered<Answer>(what: string, ask: () => Promise<Answer>): Promise<Answer> {
  const untilMs = Date.now() + patienceMs
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if (Date.now() > untilMs) throw new Error(`${what} does not answer`, { cause: error })
      await sleep(500)
    }
  }
}

async function prepareReplicaSet(): Promise<void> {
  const uri = (await readFile(setting('VAULT_MONGODB_URI_FILE'), 'utf8')).trim()
  const [, hosts = '', name = ''] = /^mongodb:\/\/([^/]+)\/\?replicaSet=(\w+)$/.exec(uri) ?? []
  const members = hosts.split(',').map((host, _id) => ({ _id, host }))
  await untilAnswered('MongoDB', async () => {
    await using first = new mongo.MongoClient(`mongodb://${members[0]?.host}/?directConnection=true`, {
      serverSelectionTimeoutMS: 2_000,
    })
    const admin = first.db('admin')
    const { setName } = await admin.command({ hello: 1 })
    if (setName !== name) await admin.command({ replSetInitiate: { _id: name, members } })
  })
  await untilAnswered('the replica set', async () => {
    await using set = new mongo.MongoClient(uri, { serverSelectionTimeoutMS: 2_000 })
    await set.db('admin').command({ ping: 1 }, { readPreference: 'primary' })
  })
}

/** The papers' own, and one whose objects are locked for the list of the destroyed. */
async function prepareBuckets(): Promise<void> {
  await prepareBucket(setting('VAULT_S3_BUCKET'), false)
  await prepareBucket(setting('VAULT_ANCHOR_BUCKET'), true)
}

async function prepareBucket(Bucket: string, locks: boolean): Promise<void> {
  const place = { endpoint: setting('VAULT_S3_ENDPOINT'), region: setting('VAULT_S3_REGION'), forcePathStyle: true }
  const client = new S3Client(place)
  await untilAnswered('S3', async () => {
    try {
      await client.send(new HeadBucketCommand({ Bucket }))
    } catch (error) {
      if (!(error instanceof Error && error.name === 'NotFound')) throw error
      await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: locks }))
    }
  })
  const VersioningConfiguration = { Status: 'Enabled' as const }
  await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }))
  client.destroy()
}

interface KeptKey {
  readonly alias: string
  readonly spec: 'SYMMETRIC_DEFAULT' | 'HMAC_256'
  readonly id: string
  /** base64 of 32 bytes. */
  readonly material: string
}

async function prepareKeys(): Promise<void> {
  const client = new KMSClient({ endpoint: setting('VAULT_KMS_ENDPOINT'), region: setting('VAULT_KMS_REGION') })
  for (const key of await keptKeys()) await untilAnswered('KMS', () => ensureKey(client, key))
  client.destroy()
}

async function keptKeys(): Promise<readonly KeptKey[]> {
  const path = setting('TRIAL_KEYS_FILE')
  try {
    return JSON.parse(await readFile(path, 'utf8')) as readonly KeptKey[]
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
  const fresh = (alias: string, spec: KeptKey['spec']): KeptKey => {
    return { alias, spec, id: randomUUID(), material: randomBytes(32).toString('base64') }
  }
  const keys = [
    fresh(setting('VAULT_KMS_DOCUMENTS_KEY'), 'SYMMETRIC_DEFAULT'),
    fresh(setting('VAULT_KMS_BLIND_INDEX_KEY'), 'HMAC_256'),
    fresh(setting('TRIAL_DOOR_KEY'), 'SYMMETRIC_DEFAULT'),
  ]
  await writeFile(path, `${JSON.stringify(keys, undefined, 2)}\n`, { flag: 'wx', mode: 0o600 })
  return keys
}

async function ensureKey(client: KMSClient, { alias, spec, id, material }: KeptKey): Promise<void> {
  try {
    await client.send(new DescribeKeyCommand({ KeyId: alias }))
    return
  } catch (error) {
    if (!(error instanceof Error && error.name === 'NotFoundException')) throw error
  }
  const Tags = [
    { TagKey: '_custom_id_', TagValue: id },
    { TagKey: '_custom_key_material_', TagValue: material },
  ]
  const KeyUsage = spec === 'HMAC_256' ? 'GENERATE_VERIFY_MAC' : 'ENCRYPT_DECRYPT'
  await client.send(new CreateKeyCommand({ KeySpec: spec, KeyUsage, Tags }))
  await client.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: id }))
}

await Promise.all([prepareReplicaSet(), prepareBuckets(), prepareKeys()])
process.stdout.write('replica set, bucket and keys are there\n')
