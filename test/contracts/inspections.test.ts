import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { suite, type TestContext, test } from 'node:test'
import {
  CreateKeyCommand,
  DisableKeyCommand,
  ReplicateKeyCommand,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms'
import { PutBucketPolicyCommand } from '@aws-sdk/client-s3'
import { inspectKeys, tryDoorFile } from '../../src/adapters/kms-inspection.ts'
import { openMongo } from '../../src/adapters/mongo-connection.ts'
import { inspectMongo } from '../../src/adapters/mongo-inspection.ts'
import { mainCollections } from '../../src/adapters/mongo-schema.ts'
import { inspectBucket } from '../../src/adapters/s3-inspection.ts'
import { emptyFolder } from '../support/folder.ts'
import { freePort } from '../support/free-port.ts'
import { freshKms, kmsNeeds } from '../support/kms-keys.ts'
import { freshMongo, freshName, mongoNeeds } from '../support/mongo-database.ts'
import { refused } from '../support/refused.ts'
import { programOfShared } from '../support/replica-set.ts'
import { freshBucket, s3Needs } from '../support/s3-bucket.ts'

suite('what a database says of itself', { skip: mongoNeeds.skip }, () => {
  const inspect = async (t: TestContext) => {
    const mongo = await freshMongo(t)
    return { mongo, look: () => inspectMongo(mongo, mainCollections) }
  }

  test('a migrated database on three members has nothing against it', async t => {
    const { look } = await inspect(t)
    assert.deepEqual(await look(), { problems: [], members: 3, arbiters: 0 })
  })

  test('one that was never migrated is named, and stays as empty as it was', async t => {
    const mongo = await openMongo({ uri: mongoNeeds.value, database: freshName() }, 'ledger.unavailable')
    t.after(() => mongo[Symbol.asyncDispose]())
    const { problems } = await inspectMongo(mongo, mainCollections)
    assert.equal(problems.length, 1)
    assert.match(problems[0] ?? '', /run `migrate` first/)
    assert.deepEqual(await mongo.connection.listCollections(), [])
  })

  test('a server that is no member of a set is named: nothing has a majority there', async () => {
    await using folder = await emptyFolder()
    const port = await freePort()
    const place = ['--port', String(port), '--dbpath', folder.path, '--bind_ip', '127.0.0.1']
    const server = spawn(await programOfShared(), place, { stdio: 'ignore' })
    try {
      const uri = `mongodb://127.0.0.1:${port}/`
      await using mongo = await openMongo({ uri, database: 'vault' }, 'ledger.unavailable')
      const { problems } = await inspectMongo(mongo, mainCollections)
      assert.deepEqual(problems, ['names a server that is no member of a replica set'])
    } finally {
      const gone = once(server, 'exit')
      server.kill('SIGKILL')
      await gone
    }
  })

  test('a rule that was dropped and a collection that is gone are named, all of them', async t => {
    const { mongo, look } = await inspect(t)
    await mongo.connection.collection('trail_batches').dropIndexes()
    await mongo.connection.collection('subjects').dropIndexes()
    await mongo.connection.dropCollection('desks')
    const { problems } = await look()
    const about = (name: string) => problems.filter(problem => problem.includes(name))
    assert.match(about('trail_batches').join(), /lack the index log,seq/)
    assert.equal(about('trail_batches').length, 2)
    assert.match(about('subjects').join(), /lack the index tenant,reference/)
    assert.match(about('desks').join(), /without the collection desks/)
  })

  test('a rule that no longer says "once" is no rule', async t => {
    const { mongo, look } = await inspect(t)
    const batches = mongo.connection.collection('trail_batches')
    await batches.dropIndexes()
    await batches.createIndex({ log: 1, seq: 1 })
    await batches.createIndex({ log: 1, first: 1 })
    assert.match((await look()).problems.join(), /trail_batches lack the index log,seq/)
  })

  test('papers without a trail mean that the trail is somewhere else', async t => {
    const { mongo, look } = await inspect(t)
    await mongo.connection.collection('documents').insertOne({ tenant: 'omo7777', subject: 's', version: 1 })
    assert.deepEqual((await look()).problems, ['names a database with papers and no trail: put the trail back'])
  })
})

suite('what a bucket says of itself', { skip: s3Needs.skip }, () => {
  const { endpoint, region, credentials } = s3Needs

  test('its region and whether it keeps versions; what the server has no word for is untold', async () => {
    for (const versioned of [true, false]) {
      await using bucket = await freshBucket(versioned)
      const facts = await inspectBucket({ bucket: bucket.bucket, endpoint, region, credentials })
      assert.equal(facts?.region, region)
      assert.equal(facts?.isVersioned, versioned)
      assert.equal(facts?.isPublic, false)
      assert.equal(facts?.blocksPublic, 'untold')
      assert.equal(facts?.hasObjectLock, false)
    }
  })

  test('a policy that lets anybody in is seen', async () => {
    await using bucket = await freshBucket(false)
    const Statement = [
      { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${bucket.bucket}/*` },
    ]
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement })
    await bucket.client.send(new PutBucketPolicyCommand({ Bucket: bucket.bucket, Policy }))
    const facts = await inspectBucket({ bucket: bucket.bucket, endpoint, region, credentials })
    assert.equal(facts?.isPublic, true)
  })

  test('one that is not there, not for these credentials, or on a server that is gone says nothing', async () => {
    await using bucket = await freshBucket(false)
    const place = { bucket: bucket.bucket, endpoint, region, credentials }
    assert.equal(await inspectBucket({ ...place, bucket: 'none-of-this-name' }), undefined)
    const stranger = { accessKeyId: 'stranger', secretAccessKey: 'stranger' }
    assert.equal(await inspectBucket({ ...place, credentials: stranger }), undefined)
    assert.equal(await inspectBucket({ ...place, endpoint: `http://127.0.0.1:${await freePort()}` }), undefined)
  })
})

suite('what KMS says of keys', { skip: kmsNeeds.skip }, () => {
  test('their kind, state, region and whether they may be used', async () => {
    await using kms = await freshKms()
    const { documents, blindIndex } = kms.options.keys
    const facts = await inspectKeys(kms.options, [
      { key: documents, spec: 'SYMMETRIC_DEFAULT', makes: true },
      { key: blindIndex, spec: 'HMAC_256', makes: true },
      { key: documents, spec: 'HMAC_256', makes: true },
      { key: documents, spec: 'SYMMETRIC_DEFAULT', makes: false },
      { key: 'alias/none-of-this-name', spec: 'SYMMETRIC_DEFAULT', makes: true },
    ])
    const here = { regions: [kmsNeeds.region], state: 'Enabled' }
    assert.deepEqual(facts, [
      { ...here, spec: 'SYMMETRIC_DEFAULT', isUsable: true },
      { ...here, spec: 'HMAC_256', isUsable: true },
      { ...here, spec: 'SYMMETRIC_DEFAULT' },
      { ...here, spec: 'SYMMETRIC_DEFAULT' },
      'unknown',
    ])
  })

  test('one that is disabled, and the regions that copies of it lie in', async () => {
    await using kms = await freshKms()
    const { client, options } = kms
    const { KeyMetadata } = await client.send(new CreateKeyCommand({ MultiRegion: true }))
    const key = KeyMetadata?.Arn ?? assert.fail('no key')
    await client.send(new ReplicateKeyCommand({ KeyId: key, ReplicaRegion: 'us-east-1' }))
    const [copied] = await inspectKeys(options, [{ key, spec: 'SYMMETRIC_DEFAULT', makes: false }])
    assert.ok(typeof copied === 'object')
    assert.deepEqual(copied.regions.toSorted(), [kmsNeeds.region, 'us-east-1'].toSorted())
    await client.send(new DisableKeyCommand({ KeyId: kms.documentsArn }))
    const [disabled] = await inspectKeys(options, [
      { key: options.keys.documents, spec: 'SYMMETRIC_DEFAULT', makes: true },
    ])
    assert.ok(typeof disabled === 'object')
    assert.equal(disabled.state, 'Disabled')
    assert.equal(disabled.isUsable, undefined, 'it is not tried')
    await client.send(new ScheduleKeyDeletionCommand({ KeyId: key, PendingWindowInDays: 7 }))
  })

  test('a service that is gone says nothing', async () => {
    await using kms = await freshKms()
    const place = { ...kms.options, endpoint: `http://127.0.0.1:${await freePort()}` }
    const [facts] = await inspectKeys(place, [{ key: 'alias/x', spec: 'SYMMETRIC_DEFAULT', makes: false }])
    assert.equal(facts, undefined)
    await refused(tryDoorFile(place, kms.options.doorFile), 'keys.unavailable')
    await tryDoorFile(kms.options, kms.options.doorFile)
  })
})
