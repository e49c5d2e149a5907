import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { DeleteObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { S3Blobs } from '../../src/adapters/s3-blobs.ts'
import { blobKeyOf } from '../../src/domain/document.ts'
import type { MessageId } from '../../src/domain/ids.ts'
import type { Blobs, OpenBlob } from '../../src/ports/blobs.ts'
import { accessDenied, injecting, slowDown } from '../support/injecting.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { refused } from '../support/refused.ts'
import { type Bucket, everyVersion, freshBucket, s3Needs } from '../support/s3-bucket.ts'
import { Seeded } from '../support/seeded.ts'
import { type Cut, freshProxy, proxyNeeds } from '../support/toxic.ts'
import { blobsContract } from './blobs.contract.ts'

const { skip, endpoint, region, credentials } = s3Needs
const never = new AbortController().signal
const newKey = (): string => blobKeyOf(randomBytes(32).toString('hex') as MessageId)

interface S3Fixture extends AsyncDisposable, Bucket {
  readonly blobs: S3Blobs
}

async function open(versioned: boolean, prefix = 'papers/', at = endpoint): Promise<S3Fixture> {
  await using stack = new AsyncDisposableStack()
  const bucket = stack.use(await freshBucket(versioned))
  const blobs = stack.use(new S3Blobs({ region, credentials, endpoint: at, bucket: bucket.bucket, prefix }))
  const held = stack.move()
  return { ...bucket, blobs, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

blobsContract('S3, bucket without versions', () => open(false), skip)
blobsContract('S3, bucket with versions', () => open(true), skip)
blobsContract('S3, no prefix', () => open(true, ''), skip)

test('the store holds the SHA-256 of what was put, and nothing that names a person', { skip }, async () => {
  await using fixture = await open(true)
  const key = newKey()
  await fixture.blobs.put(rawGrant, key, [Buffer.from('one'), Buffer.from('two')], never)
  const command = new HeadObjectCommand({ Bucket: fixture.bucket, Key: `papers/${key}`, ChecksumMode: 'ENABLED' })
  const head = await fixture.client.send(command)
  assert.equal(head.ChecksumSHA256, 'JbZ0bVFy7WNSlmoBPZOshG4RENWiXo8YO1kx9GiIQqE=')
  assert.equal(head.ContentType, 'application/octet-stream')
  assert.deepEqual(head.Metadata, {})
})

test('of 20 racers one wins, also in a bucket with versions, and it keeps one version', { skip }, async () => {
  await using fixture = await open(true)
  const key = newKey()
  const bodies = Array.from({ length: 20 }, (_, at) => Buffer.alloc(100_000, at))
  const ends = await Promise.allSettled(bodies.map(body => fixture.blobs.put(rawGrant, key, [body], never)))
  assert.equal(ends.filter(({ status }) => status === 'fulfilled').length, 1)
  assert.equal((await everyVersion(fixture.client, fixture.bucket)).length, 1)
})

for (const [name, remove] of [
  ['a delete', (blobs: Blobs, key: string) => blobs.delete(rawGrant, key)],
  ['a delete of many', (blobs: Blobs, key: string) => blobs.deleteAll(rawGrant, [key, newKey()])],
] as const)
  test(`${name} takes every version and every delete marker of its key, and of no other`, { skip }, async () => {
    await using fixture = await open(true)
    const { client, bucket, blobs } = fixture
    const [gone, kept] = [newKey(), newKey()]
    const [Bucket, Key] = [bucket, `papers/${gone}`]
    await blobs.put(rawGrant, gone, [Buffer.from('first')], never)
    await client.send(new PutObjectCommand({ Bucket, Key, Body: 'second' }))
    await client.send(new DeleteObjectCommand({ Bucket, Key }))
    await client.send(new PutObjectCommand({ Bucket, Key, Body: 'third' }))
    await client.send(new DeleteObjectCommand({ Bucket, Key }))
    await client.send(new PutObjectCommand({ Bucket, Key: `${Key}0`, Body: 'a longer name' }))
    await blobs.put(rawGrant, kept, [Buffer.from('kept')], never)
    assert.equal((await everyVersion(client, bucket)).filter(({ key }) => key === Key).length, 5)
    await refused(blobs.open(gone), 'blobs.missing')
    await remove(blobs, gone)
    const left = (await everyVersion(client, bucket)).map(({ key }) => key)
    assert.deepEqual(left.sort(), [`${Key}0`, `papers/${kept}`].sort())
  })

/** Parts that tell when the store took the nth of them, each time they are sent. */
function watched(parts: readonly Uint8Array[], taken: (at: number) => void): readonly Uint8Array[] {
  let isHashed = false
  const iterate = function* () {
    for (const [at, part] of parts.entries()) {
      if (isHashed) taken(at)
      yield part
    }
    isHashed = true
  }
  return Object.assign([...parts], { [Symbol.iterator]: iterate })
}

for (const versioned of [false, true]) {
  const where = versioned ? 'with' : 'without'
  test(`aborted at any part of the body, nothing is left in a bucket ${where} versions`, { skip }, async () => {
    await using fixture = await open(versioned)
    const reason = new Error('the client is gone')
    const parts = Array.from({ length: 6 }, () => randomBytes(300_000))
    for (let stopAt = 0; stopAt < parts.length; stopAt++) {
      const abort = new AbortController()
      const body = watched(parts, at => {
        if (at === stopAt) abort.abort(reason)
      })
      await assert.rejects(fixture.blobs.put(rawGrant, newKey(), body, abort.signal), error => error === reason)
    }
    assert.deepEqual(await everyVersion(fixture.client, fixture.bucket), [])
  })
}

test('an abort harms no object that was there before', { skip }, async () => {
  await using fixture = await open(true)
  const key = newKey()
  await fixture.blobs.put(rawGrant, key, [Buffer.from('kept')], never)
  const abort = new AbortController()
  const body = watched([Buffer.from('a'), Buffer.from('b')], at => {
    if (at === 1) abort.abort(new Error('gone'))
  })
  await assert.rejects(fixture.blobs.put(rawGrant, key, body, abort.signal))
  await using blob = await fixture.blobs.open(key)
  assert.equal(blob.sizeBytes, 4)
})

test('a bucket that is not there is a failure of the store, never an absent blob', { skip }, async () => {
  await using blobs = new S3Blobs({ region, credentials, endpoint, bucket: 'vault-no-such-bucket' })
  await refused(blobs.ready(), 'blobs.unavailable')
  await refused(blobs.open(newKey()), 'blobs.unavailable')
  await refused(blobs.put(rawGrant, newKey(), [Buffer.from('x')], never), 'blobs.unavailable')
  await refused(blobs.delete(rawGrant, newKey()), 'blobs.unavailable')
  await refused(Array.fromAsync(blobs.list(Number.MAX_SAFE_INTEGER)), 'blobs.unavailable')
})

test('wrong credentials are a failure of the store', { skip }, async () => {
  await using fixture = await open(false)
  const wrong = { ...credentials, secretAccessKey: 'wrong' }
  await using blobs = new S3Blobs({ region, credentials: wrong, endpoint, bucket: fixture.bucket })
  await refused(blobs.ready(), 'blobs.unavailable')
  await refused(blobs.put(rawGrant, newKey(), [Buffer.from('x')], never), 'blobs.unavailable')
})

test('an object that was replaced since it was opened is not read as if it were the same', { skip }, async () => {
  await using fixture = await open(false)
  const key = newKey()
  await fixture.blobs.put(rawGrant, key, [Buffer.from('first')], never)
  await using blob = await fixture.blobs.open(key)
  await fixture.client.send(new PutObjectCommand({ Bucket: fixture.bucket, Key: `papers/${key}`, Body: 'other' }))
  await refused(Array.fromAsync(blob.read(0, 5, never)), 'blobs.unavailable')
})

test('a body whose SHA-256 is said to be another is refused by the store, and nothing is there', { skip }, async () => {
  await using fixture = await open(true)
  const key = newKey()
  const wrong = Promise.resolve(Buffer.alloc(32).toString('base64'))
  await refused(fixture.blobs.put(rawGrant, key, [Buffer.from('body')], never, wrong), 'blobs.unavailable')
  assert.deepEqual(await everyVersion(fixture.client, fixture.bucket), [])
})

test('a look whose range is known is one request, and tells the size and every other range too', { skip }, async () => {
  await using proxy = await injecting(endpoint, () => undefined)
  await using fixture = await open(true, 'papers/', proxy.url)
  const [key, bytes] = [newKey(), randomBytes(200_000)]
  await fixture.blobs.put(rawGrant, key, [bytes], never)
  const read = async (blob: OpenBlob, start: number, end: number) =>
    Buffer.concat(await Array.fromAsync(blob.read(start, end, never)))
  await using blob = await fixture.blobs.open(key, { start: 1_000, end: 150_000 })
  assert.equal(blob.sizeBytes, bytes.length)
  assert.ok((await read(blob, 1_000, 150_000)).equals(bytes.subarray(1_000, 150_000)))
  assert.deepEqual(Object.fromEntries(proxy.counts), { PUT: 1, GET: 1 })
  assert.ok((await read(blob, 1_000, 150_000)).equals(bytes.subarray(1_000, 150_000)))
  assert.ok((await read(blob, 0, 10)).equals(bytes.subarray(0, 10)))
  await using beyond = await fixture.blobs.open(key, { start: 300_000, end: 300_001 })
  await using across = await fixture.blobs.open(key, { start: 199_999, end: 300_001 })
  assert.deepEqual([beyond.sizeBytes, across.sizeBytes], [bytes.length, bytes.length])
  await refused(read(across, 199_999, 300_001), 'blobs.unavailable')
  await refused(fixture.blobs.open(newKey(), { start: 0, end: 1 }), 'blobs.missing')
})

test('readiness asks for a write, leaves one empty object for ever, and that is no blob', { skip }, async () => {
  let mayWrite = true
  await using proxy = await injecting(endpoint, (_, operation) =>
    operation === 'PUT' && !mayWrite ? accessDenied : undefined,
  )
  await using fixture = await open(true, 'papers/', proxy.url)
  for (let times = 0; times < 3; times++) await fixture.blobs.ready()
  const left = await everyVersion(fixture.client, fixture.bucket)
  assert.deepEqual(
    left.map(({ key }) => key),
    ['papers/v1/probe'],
  )
  assert.deepEqual(await Array.fromAsync(fixture.blobs.list(Number.MAX_SAFE_INTEGER)), [])
  mayWrite = false
  await refused(fixture.blobs.ready(), 'blobs.unavailable')
  const { bucket } = fixture
  await using reader = new S3Blobs({ region, credentials, endpoint: proxy.url, bucket, puts: false })
  await reader.ready()
})

test('while S3 says slow down to 3 of 10 requests at random, of 120 calls none fails', { skip }, async t => {
  const chance = new Seeded()
  t.diagnostic(`seed ${chance.seed}`)
  await using proxy = await injecting(endpoint, () => (chance.below(10) < 3 ? slowDown : undefined))
  await using fixture = await open(true, 'papers/', proxy.url)
  const keys = Array.from({ length: 40 }, newKey)
  const body = [randomBytes(70_000), randomBytes(70_000)]
  await Promise.all(keys.map(key => fixture.blobs.put(rawGrant, key, body, never)))
  await Promise.all(
    keys.map(async key => {
      await using blob = await fixture.blobs.open(key, { start: 0, end: 140_000 })
      const read = Buffer.concat(await Array.fromAsync(blob.read(0, 140_000, never)))
      assert.ok(read.equals(Buffer.concat(body)))
    }),
  )
  assert.equal((await everyVersion(fixture.client, fixture.bucket)).length, keys.length)
  await Promise.all(keys.map(key => fixture.blobs.delete(rawGrant, key)))
  assert.deepEqual(await everyVersion(fixture.client, fixture.bucket), [])
})

test('an S3 that says nothing but slow down is asked less and less often, and given up within 3 s', {
  skip,
}, async () => {
  let isSlow = false
  await using proxy = await injecting(endpoint, () => (isSlow ? slowDown : undefined))
  await using fixture = await open(true, 'papers/', proxy.url)
  const { blobs } = fixture
  const key = newKey()
  await blobs.put(rawGrant, key, [Buffer.alloc(10)], never)
  isSlow = true
  const before = sum(proxy.counts)
  const startMs = performance.now()
  const calls = [
    blobs.ready(),
    blobs.open(key),
    blobs.open(key, { start: 0, end: 10 }),
    blobs.put(rawGrant, newKey(), [Buffer.alloc(10)], never),
    blobs.delete(rawGrant, key),
  ]
  await Promise.all(calls.map(call => refused(call, 'blobs.unavailable')))
  assert.ok(performance.now() - startMs < 3_000)
  const asked = (sum(proxy.counts) - before) / calls.length
  assert.ok(asked >= 5 && asked <= 40, `${asked} requests for each call`)
})

const sum = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((all, one) => all + one, 0)

const faultSkip = skip || proxyNeeds.skip

test('a put whose answer is lost is tried again, and finds its own object', { skip: faultSkip }, async () => {
  await using proxy = await freshProxy(endpoint)
  await using fixture = await open(true, 'papers/', proxy.url)
  const key = newKey()
  const parts = watched([randomBytes(1_000), randomBytes(1_000)], () => undefined)
  // The request passes and is served; the connection is reset in place of the answer.
  const lost = await proxy.add({ type: 'limit_data', stream: 'downstream', attributes: { bytes: 1 } })
  const putting = fixture.blobs.put(rawGrant, key, parts, never)
  await untilStored(fixture)
  await lost[Symbol.asyncDispose]()
  await putting
  await using blob = await fixture.blobs.open(key)
  assert.equal(blob.sizeBytes, 2_000)
  assert.equal((await everyVersion(fixture.client, fixture.bucket)).length, 1)
})

async function untilStored(fixture: S3Fixture): Promise<void> {
  while ((await everyVersion(fixture.client, fixture.bucket)).length === 0) await new Promise(setImmediate)
}

const cuts: readonly Cut[] = ['refused', 'silent', 'reset']
for (const cut of cuts) {
  test(`every call fails within 3 s while S3 is ${cut}, and works again after`, { skip: faultSkip }, async () => {
    await using proxy = await freshProxy(endpoint)
    await using fixture = await open(true, 'papers/', proxy.url)
    const { blobs } = fixture
    const key = newKey()
    await blobs.put(rawGrant, key, [Buffer.alloc(100_000)], never)
    await using blob = await blobs.open(key)
    const broken = await proxy.cut(cut)
    const calls: readonly (() => Promise<unknown>)[] = [
      () => blobs.ready(),
      () => blobs.open(key),
      () => blobs.put(rawGrant, newKey(), [Buffer.alloc(3_000_000)], never),
      () => blobs.delete(rawGrant, key),
      () => Array.fromAsync(blobs.list(Number.MAX_SAFE_INTEGER)),
      () => Array.fromAsync(blob.read(0, 100_000, never)),
    ]
    const startMs = performance.now()
    await Promise.all(calls.map(call => refused(call(), 'blobs.unavailable')))
    assert.ok(performance.now() - startMs < 3_000)
    await broken[Symbol.asyncDispose]()
    await blobs.ready()
    assert.equal(Buffer.concat(await Array.fromAsync(blob.read(0, 100_000, never))).length, 100_000)
  })
}
