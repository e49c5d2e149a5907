import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { DisableKeyCommand } from '@aws-sdk/client-kms'
import { initDoorFile } from '../../src/adapters/kms-door.ts'
import { openKmsKeyring } from '../../src/adapters/kms-keyring.ts'
import type { Keyring } from '../../src/ports/keyring.ts'
import { injecting, throttled } from '../support/injecting.ts'
import { freshKms, kmsNeeds } from '../support/kms-keys.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { refused } from '../support/refused.ts'
import { Seeded } from '../support/seeded.ts'
import { type Cut, freshProxy, proxyNeeds } from '../support/toxic.ts'
import { type KeyringFixture, keyringContract } from './keyring.contract.ts'
import { keyringEpochsContract } from './keyring-epochs.contract.ts'

const { skip, endpoint } = kmsNeeds
const context = { document: 'd', fmt: '1', purpose: 'document', subject: 's', tenant: 't' }

async function openFixture(): Promise<KeyringFixture> {
  await using stack = new AsyncDisposableStack()
  const [own, other] = await Promise.all([freshKms(), freshKms()])
  stack.use(own)
  stack.use(other)
  const keyring = stack.use(await openKmsKeyring(own.options))
  const held = stack.move()
  const more = async (options: typeof own.options): Promise<Keyring> => held.use(await openKmsKeyring(options))
  return {
    keyring,
    reopen: () => more(own.options),
    stranger: () => more(other.options),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

keyringContract('KMS', openFixture, skip)
keyringEpochsContract('KMS', openFixture, skip)

test('a wrapped key names the exact key ARN, as the AWS Encryption SDK writes it', { skip }, async () => {
  await using kms = await freshKms()
  await using ring = await openKmsKeyring(kms.options)
  const { edks, epoch } = await ring.newDataKey(rawGrant, context)
  assert.deepEqual(
    edks.map(({ provider, info }) => [provider, Buffer.from(info).toString('utf8')]),
    [['aws-kms', kms.documentsArn]],
  )
  assert.equal(epoch, kms.documentsArn)
})

test('when the alias moves on, another instance opens what the new key wrapped', { skip }, async () => {
  await using kms = await freshKms()
  await using one = await openKmsKeyring(kms.options)
  await using other = await openKmsKeyring(kms.options)
  const before = await one.newDataKey(rawGrant, context)
  const arn = await kms.flip()
  const after = await one.newDataKey(rawGrant, context)
  assert.equal(after.epoch, arn)
  assert.deepEqual(await other.unwrap(rawGrant, after.edks, context), after.plaintextKey)
  assert.deepEqual(await one.unwrap(rawGrant, before.edks, context), before.plaintextKey)
  const keys = { ...kms.options.keys, formerDocuments: [kms.documentsArn] }
  await using later = await openKmsKeyring({ ...kms.options, keys })
  assert.deepEqual(await later.unwrap(rawGrant, before.edks, context), before.plaintextKey)
  await using forgetful = await openKmsKeyring(kms.options)
  await refused(forgetful.unwrap(rawGrant, before.edks, context), 'keys.refused')
})

test('a key that was disabled makes and opens nothing, and says so as unavailable', { skip }, async () => {
  await using kms = await freshKms()
  await using ring = await openKmsKeyring(kms.options)
  const { edks } = await ring.newDataKey(rawGrant, context)
  await kms.client.send(new DisableKeyCommand({ KeyId: kms.documentsArn }))
  await refused(ring.newDataKey(rawGrant, context), 'keys.unavailable')
  await refused(ring.unwrap(rawGrant, edks, context), 'keys.unavailable')
  await refused(ring.ready(), 'keys.unavailable')
})

test('the door file is its owner’s alone, is never overwritten, and holds no secret in clear', { skip }, async () => {
  await using kms = await freshKms()
  const { doorFile } = kms.options
  assert.equal((await stat(doorFile)).mode & 0o777, 0o600)
  const text = await readFile(doorFile, 'utf8')
  await refused(initDoorFile(kmsNeeds, kms.documentsArn, doorFile), 'config.invalid')
  assert.equal(await readFile(doorFile, 'utf8'), text)
  assert.deepEqual(Object.keys(JSON.parse(text)), ['format', 'key', 'blob'])
  // The whole wrapped blob of KMS, and not 32 bytes of it.
  assert.ok(Buffer.from(JSON.parse(text).blob, 'base64').length > 64)
})

test('a door file that is absent, altered, of another form or context is refused in words', { skip }, async () => {
  await using kms = await freshKms()
  const { doorFile } = kms.options
  const good = JSON.parse(await readFile(doorFile, 'utf8'))
  await using ring = await openKmsKeyring(kms.options)
  const { edks } = await ring.newDataKey(rawGrant, context)
  const dataKey = { ...good, key: kms.documentsArn, blob: Buffer.from(edks[0]?.blob ?? []).toString('base64') }
  const altered = Buffer.from(good.blob, 'base64')
  altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1
  const bad = ['', '{}', { ...good, blob: altered.toString('base64') }, { ...good, format: 'vault-door/2' }, dataKey]
  for (const content of bad) {
    await writeFile(doorFile, typeof content === 'string' ? content : JSON.stringify(content))
    const error = await refused(openKmsKeyring(kms.options), 'config.invalid')
    assert.equal(error.facts.problems?.[0]?.field, 'VAULT_KMS_DOOR_FILE')
  }
  await refused(openKmsKeyring({ ...kms.options, doorFile: `${doorFile}-none` }), 'config.invalid')
})

test('while KMS throttles 3 of 10 requests at random, of 300 calls none fails', { skip }, async t => {
  await using kms = await freshKms()
  const chance = new Seeded()
  t.diagnostic(`seed ${chance.seed}`)
  await using proxy = await injecting(endpoint, () => (chance.below(10) < 3 ? throttled : undefined))
  await using ring = await openKmsKeyring({ ...kms.options, endpoint: proxy.url })
  for (let round = 0; round < 10; round++) {
    const made = await Promise.all(Array.from({ length: 15 }, () => ring.newDataKey(rawGrant, context)))
    await Promise.all(
      made.map(async ({ edks, plaintextKey }) =>
        assert.deepEqual(await ring.unwrap(rawGrant, edks, context), plaintextKey),
      ),
    )
    await ring.mac('door', Buffer.from('local'))
  }
  assert.ok((proxy.counts.get('GenerateDataKey') ?? 0) > 150)
  assert.equal(proxy.counts.get('GenerateMac'), undefined)
})

test('a KMS that throttles everything is asked less and less often, and given up within 3 s', { skip }, async () => {
  await using kms = await freshKms()
  let throttles = false
  await using proxy = await injecting(endpoint, () => (throttles ? throttled : undefined))
  await using ring = await openKmsKeyring({ ...kms.options, endpoint: proxy.url })
  throttles = true
  const startMs = performance.now()
  await refused(ring.newDataKey(rawGrant, context), 'keys.unavailable')
  assert.ok(performance.now() - startMs < 3_000)
  const asked = proxy.counts.get('GenerateDataKey') ?? 0
  assert.ok(asked >= 5 && asked <= 40, `${asked} requests`)
})

test('one data key is one call to KMS, and so is one unwrap', { skip }, async () => {
  await using kms = await freshKms()
  await using proxy = await injecting(endpoint, () => undefined)
  await using ring = await openKmsKeyring({ ...kms.options, endpoint: proxy.url })
  const before = new Map(proxy.counts)
  const { edks } = await ring.newDataKey(rawGrant, context)
  await ring.unwrap(rawGrant, edks, context)
  const spent = [...proxy.counts].map(([operation, count]) => [operation, count - (before.get(operation) ?? 0)])
  assert.deepEqual(Object.fromEntries(spent), { Decrypt: 1, DescribeKey: 0, GenerateDataKey: 1 })
})

const cuts: readonly Cut[] = ['refused', 'silent', 'reset']
for (const cut of cuts) {
  test(`every call fails within 3 s while KMS is ${cut}, and works again after`, {
    skip: skip || proxyNeeds.skip,
  }, async () => {
    await using proxy = await freshProxy(endpoint)
    await using kms = await freshKms()
    await using ring = await openKmsKeyring({ ...kms.options, endpoint: proxy.url })
    const { edks, plaintextKey } = await ring.newDataKey(rawGrant, context)
    const broken = await proxy.cut(cut)
    const startMs = performance.now()
    await Promise.all(
      [
        ring.newDataKey(rawGrant, context),
        ring.unwrap(rawGrant, edks, context),
        ring.mac('blind-index', Buffer.from('x')),
        ring.ready(),
        openKmsKeyring({ ...kms.options, endpoint: proxy.url }),
      ].map(call => refused(call, 'keys.unavailable')),
    )
    assert.ok(performance.now() - startMs < 3_000)
    assert.equal((await ring.mac('door', Buffer.from('x'))).byteLength, 32, 'the door needs no KMS')
    await broken[Symbol.asyncDispose]()
    await ring.ready()
    assert.deepEqual(await ring.unwrap(rawGrant, edks, context), plaintextKey)
  })
}
