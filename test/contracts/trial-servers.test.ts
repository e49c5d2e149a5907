import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { DeleteAliasCommand, KMSClient, ScheduleKeyDeletionCommand } from '@aws-sdk/client-kms'
import { DeleteBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { inspectKeys } from '../../src/adapters/kms-inspection.ts'
import { inspectBucket } from '../../src/adapters/s3-inspection.ts'
import { emptyFolder } from '../support/folder.ts'
import { kmsNeeds } from '../support/kms-keys.ts'
import { mongoNeeds } from '../support/mongo-database.ts'
import { s3Needs } from '../support/s3-bucket.ts'

const script = fileURLToPath(new URL('../../infra/compose/prepare.ts', import.meta.url))
const skip = mongoNeeds.skip || s3Needs.skip || kmsNeeds.skip

test('what the compose file runs first makes bucket and keys once, and leaves what is there', { skip }, async () => {
  await using folder = await emptyFolder()
  const own = randomBytes(8).toString('hex')
  const uriFile = join(folder.path, 'mongodb-uri')
  await writeFile(uriFile, `${mongoNeeds.value}\n`)
  const { accessKeyId, secretAccessKey } = s3Needs.credentials
  const [documents, blindIndex, door] = ['documents', 'blind-index', 'door'].map(name => `alias/trial-${own}-${name}`)
  const bucket = `trial-${own}`
  const settings = {
    VAULT_MONGODB_URI_FILE: uriFile,
    VAULT_S3_ENDPOINT: s3Needs.endpoint,
    VAULT_S3_REGION: s3Needs.region,
    VAULT_S3_BUCKET: bucket,
    VAULT_ANCHOR_BUCKET: `${bucket}-anchors`,
    VAULT_KMS_ENDPOINT: kmsNeeds.endpoint,
    VAULT_KMS_REGION: kmsNeeds.region,
    VAULT_KMS_DOCUMENTS_KEY: documents,
    VAULT_KMS_BLIND_INDEX_KEY: blindIndex,
    TRIAL_DOOR_KEY: door,
    TRIAL_KEYS_FILE: join(folder.path, 'keys.json'),
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  }
  const run = () => spawnSync(process.execPath, [script], { env: settings, encoding: 'utf8' })
  const first = run()
  assert.equal(first.status, 0, first.stderr)
  const kept = await readFile(settings.TRIAL_KEYS_FILE, 'utf8')
  assert.equal((await stat(settings.TRIAL_KEYS_FILE)).mode & 0o777, 0o600)
  assert.equal(run().status, 0)
  assert.equal(await readFile(settings.TRIAL_KEYS_FILE, 'utf8'), kept)
  const facts = await inspectBucket({ ...s3Needs, bucket })
  assert.deepEqual([facts?.region, facts?.isVersioned], [s3Needs.region, true])
  const specs = ['SYMMETRIC_DEFAULT', 'HMAC_256', 'SYMMETRIC_DEFAULT'] as const
  const asked = [documents, blindIndex, door].map((key = '', at) => ({
    key,
    spec: specs[at] ?? 'HMAC_256',
    makes: true,
  }))
  for (const [at, key] of (await inspectKeys(kmsNeeds, asked)).entries()) {
    assert.ok(typeof key === 'object')
    assert.deepEqual([key.spec, key.isUsable], [specs[at], true])
  }
  await clear(bucket, [documents, blindIndex, door], kept)
})

async function clear(bucket: string, aliases: readonly (string | undefined)[], kept: string): Promise<void> {
  const s3 = new S3Client({ ...s3Needs, forcePathStyle: true })
  for (const Bucket of [bucket, `${bucket}-anchors`]) await s3.send(new DeleteBucketCommand({ Bucket }))
  const kms = new KMSClient(kmsNeeds)
  for (const AliasName of aliases) await kms.send(new DeleteAliasCommand({ AliasName }))
  const ids = (JSON.parse(kept) as readonly { readonly id: string }[]).map(({ id }) => id)
  for (const KeyId of ids) await kms.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }))
  s3.destroy()
  kms.destroy()
}
