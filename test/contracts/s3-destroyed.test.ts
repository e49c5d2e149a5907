import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { DeleteObjectCommand, ListObjectVersionsCommand, PutObjectRetentionCommand } from '@aws-sdk/client-s3'
import { openS3Destroyed, type S3Destroyed } from '../../src/adapters/s3-destroyed.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { refused } from '../support/refused.ts'
import { type Bucket, freshBucket, s3Needs } from '../support/s3-bucket.ts'
import { aMark, destroyedContract, everyMark, marksOf, sorted } from './destroyed.contract.ts'

const { skip, endpoint, region, credentials } = s3Needs

function openIn({ bucket }: Bucket, mayAppend = true): Promise<S3Destroyed> {
  const place = { bucket, endpoint, region, credentials, prefix: 'vault/' }
  return openS3Destroyed({ ...place, lock: 'governance', lockDays: 1 }, mayAppend)
}

async function fresh(t: TestContext) {
  const bucket = await freshBucket(true, true)
  t.after(() => bucket[Symbol.asyncDispose]())
  const again = async () => {
    const destroyed = await openIn(bucket)
    t.after(() => destroyed[Symbol.asyncDispose]())
    return destroyed
  }
  return { bucket, destroyed: await again(), again }
}

destroyedContract('anchor bucket', fresh, skip)

test('what is on the list can be neither deleted nor unlocked', { skip }, async t => {
  const { bucket, destroyed } = await fresh(t)
  const marks = marksOf(2)
  await destroyed.append(rawGrant, marks)
  const { Versions } = await bucket.client.send(new ListObjectVersionsCommand({ Bucket: bucket.bucket }))
  const [version] = Versions ?? []
  const which = { Bucket: bucket.bucket, Key: version?.Key, VersionId: version?.VersionId }
  await assert.rejects(bucket.client.send(new DeleteObjectCommand(which)), { name: 'AccessDenied' })
  const Retention = { Mode: 'GOVERNANCE' as const, RetainUntilDate: new Date(Date.now() + 3_600_000) }
  await assert.rejects(bucket.client.send(new PutObjectRetentionCommand({ ...which, Retention })))
  assert.deepEqual(await everyMark(destroyed), sorted(marks))
})

test('two processes that append at once lose nothing of each other', { skip }, async t => {
  const { destroyed, again } = await fresh(t)
  const other = await again()
  const all = Array.from({ length: 6 }, (_, n) => aMark(undefined, n))
  await Promise.all(all.map((mark, n) => (n % 2 === 0 ? destroyed : other).append(rawGrant, [mark])))
  assert.deepEqual(await everyMark(destroyed), sorted(all))
})

test('an append that is missing among the others is noticed', { skip }, async t => {
  const { bucket, destroyed } = await fresh(t)
  for (let n = 0; n < 3; n++) await destroyed.append(rawGrant, [aMark(undefined, n)])
  const { Versions } = await bucket.client.send(new ListObjectVersionsCommand({ Bucket: bucket.bucket }))
  const second = Versions?.[1]
  const which = { Bucket: bucket.bucket, Key: second?.Key, VersionId: second?.VersionId }
  await bucket.client.send(new DeleteObjectCommand({ ...which, BypassGovernanceRetention: true }))
  await refused(everyMark(destroyed), 'keys.unavailable')
})

test('a bucket without Object Lock is refused to who destroys, and no bucket to everybody', { skip }, async t => {
  const bucket = await freshBucket(true)
  t.after(() => bucket[Symbol.asyncDispose]())
  const refusal = await refused(openIn(bucket), 'config.invalid')
  assert.match(refusal.facts.problems?.[0]?.message ?? '', /Object Lock/)
  await using reading = await openIn(bucket, false)
  assert.deepEqual(await reading.newest(), [])
  const nowhere = { ...bucket, bucket: `${bucket.bucket}-not` }
  await using lost = await openIn(nowhere, false)
  await refused(lost.newest(), 'keys.unavailable')
  await refused(openIn(nowhere), 'keys.unavailable')
})
