import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CancelKeyDeletionCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  ListResourceTagsCommand,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms'
import { openKmsKeyring } from '../../src/adapters/kms-keyring.ts'
import type { TenantId } from '../../src/domain/ids.ts'
import { injecting } from '../support/injecting.ts'
import { freshKms, kmsNeeds } from '../support/kms-keys.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { refused } from '../support/refused.ts'

const { skip, endpoint } = kmsNeeds
const [own, shared] = ['own' as TenantId, 'shared' as TenantId]
const contextOf = (tenant: TenantId) => ({ document: 'd', fmt: '1', purpose: 'document', subject: 's', tenant })
const dayMs = 24 * 3_600_000

test('wrapping anew is one ReEncrypt to the exact ARN, and no Decrypt', { skip }, async () => {
  await using kms = await freshKms()
  await using proxy = await injecting(endpoint, () => undefined)
  await using ring = await openKmsKeyring({ ...kms.options, endpoint: proxy.url })
  const { edks } = await ring.newDataKey(rawGrant, contextOf(shared))
  const { to } = await ring.beginEpoch(rawGrant, shared)
  const before = new Map(proxy.counts)
  const anew = await ring.rewrap(rawGrant, edks, contextOf(shared), to)
  const spent = [...proxy.counts].filter(([name, count]) => count > (before.get(name) ?? 0)).map(([name]) => name)
  assert.deepEqual(spent, ['ReEncrypt'])
  assert.equal(Buffer.from(anew.edks[0]?.info ?? []).toString(), to)
})

test('a process that only wraps anew needs no door, and is ready while the key is in use', { skip }, async () => {
  await using kms = await freshKms()
  const { doorFile: _, ...options } = kms.options
  await using maker = await openKmsKeyring(kms.options)
  const { edks } = await maker.newDataKey(rawGrant, contextOf(shared))
  const { to } = await maker.beginEpoch(rawGrant, shared)
  await using proxy = await injecting(endpoint, () => undefined)
  await using ring = await openKmsKeyring({ ...options, endpoint: proxy.url, may: ['rewrap'] })
  await ring.ready()
  assert.equal((await ring.rewrap(rawGrant, edks, contextOf(shared), to)).epoch, to)
  assert.deepEqual([...proxy.counts.keys()].toSorted(), ['DescribeKey', 'ReEncrypt'])
})

test('while a former key has not come to its end no other flip begins', { skip }, async () => {
  await using kms = await freshKms()
  await using ring = await openKmsKeyring({ ...kms.options, deletionDays: 9 })
  const { from, to } = await ring.beginEpoch(rawGrant, shared)
  await refused(ring.beginEpoch(rawGrant, shared), 'keys.rotating')
  await ring.disableEpoch(rawGrant, from)
  await refused(ring.beginEpoch(rawGrant, shared), 'keys.rotating')
  const startMs = Date.now()
  const deadFromMs = await ring.endEpoch(rawGrant, from)
  const days = (deadFromMs - startMs) / dayMs
  assert.ok(days > 8.5 && days < 9.5, `${days} days`)
  const { KeyMetadata } = await kms.client.send(new DescribeKeyCommand({ KeyId: from }))
  assert.equal(KeyMetadata?.KeyState, 'PendingDeletion')
  const next = await ring.beginEpoch(rawGrant, shared)
  assert.equal(next.from, to)
  const { Tags } = await kms.client.send(new ListResourceTagsCommand({ KeyId: next.to }))
  assert.ok(Tags?.some(({ TagKey, TagValue }) => TagKey === 'vault:purpose' && TagValue === 'documents'))
  await kms.client.send(new CancelKeyDeletionCommand({ KeyId: from }))
  await kms.client.send(new ScheduleKeyDeletionCommand({ KeyId: to, PendingWindowInDays: 7 }))
})

test('a key that is named without an alias is not flipped', { skip }, async () => {
  await using kms = await freshKms()
  const keys = { ...kms.options.keys, documents: kms.documentsArn }
  await using ring = await openKmsKeyring({ ...kms.options, keys })
  await refused(ring.beginEpoch(rawGrant, shared), 'keys.rotating')
})

test('a tenant with a key of its own: its papers are under that, and no other tenant’s open with it', {
  skip,
}, async () => {
  await using kms = await freshKms()
  const { KeyMetadata } = await kms.client.send(new CreateKeyCommand({}))
  const arn = KeyMetadata?.Arn ?? ''
  await using before = await openKmsKeyring(kms.options)
  const earlier = await before.newDataKey(rawGrant, contextOf(own))
  const keys = { ...kms.options.keys, documentsOf: new Map([[own, arn]]) }
  await using ring = await openKmsKeyring({ ...kms.options, keys })
  const [mine, theirs] = await Promise.all([own, shared].map(one => ring.newDataKey(rawGrant, contextOf(one))))
  assert.deepEqual([mine?.epoch, theirs?.epoch], [arn, kms.documentsArn])
  assert.deepEqual(await ring.epochs(own), { active: arn, former: [kms.documentsArn] })
  assert.deepEqual(await ring.epochs(shared), { active: kms.documentsArn, former: [] })
  const stray = await ring.newDataKey(rawGrant, contextOf(own))
  await refused(ring.unwrap(rawGrant, stray.edks, contextOf(shared)), 'keys.refused')
  const anew = await ring.rewrap(rawGrant, earlier.edks, contextOf(own))
  assert.equal(anew.epoch, arn)
  assert.deepEqual(await ring.unwrap(rawGrant, anew.edks, contextOf(own)), earlier.plaintextKey)
  await refused(ring.disableEpoch(rawGrant, kms.documentsArn), 'keys.refused')
  await kms.client.send(new ScheduleKeyDeletionCommand({ KeyId: arn, PendingWindowInDays: 7 }))
})
