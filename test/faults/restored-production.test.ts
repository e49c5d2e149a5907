import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { mainCollections } from '../../src/adapters/mongo-schema.ts'
import { openVault } from '../../src/compose.ts'
import { readConfig } from '../../src/config.ts'
import type { DocumentId } from '../../src/domain/ids.ts'
import type { Vault } from '../../src/guards/vault.ts'
import type { Log } from '../../src/ports/log.ts'
import { restoreCheck } from '../../src/retention/restore-check.ts'
import { verifyLogs } from '../../src/trail/verify.ts'
import { findingsOf } from '../support/house-work.ts'
import { type Dump, dump, putBack } from '../support/mongo-dump.ts'
import { type ProductionPlace, productionPlace, productionSkip } from '../support/production-place.ts'
import { purgeNow, store, tell } from '../support/purge-work.ts'
import { readAs, storyTenant } from '../support/restored-story.ts'
import { s3Needs } from '../support/s3-bucket.ts'
import { runVault } from '../support/spawned-vault.ts'

const skip = productionSkip
/** The database's clock is asked too, so the account ended long ago instead of time passing. */
const longAgoMs = Date.UTC(2005, 0, 1)
const noSignal = new AbortController().signal
const silent: Log = { info: () => undefined, warn: () => undefined, error: () => undefined }

before(() => {
  // As the SDK finds them: the vault has no setting for credentials.
  process.env['AWS_ACCESS_KEY_ID'] = s3Needs.credentials.accessKeyId
  process.env['AWS_SECRET_ACCESS_KEY'] = s3Needs.credentials.secretAccessKey
})

const isTrail = (collection: string) => collection.startsWith('trail_')
const isKeys = (collection: string) => collection === 'wrapped_keys' || collection.includes('epoch')
const isLedger = (collection: string) => mainCollections.includes(collection as never) && !isTrail(collection)
const choices = {
  'both databases': () => true,
  'the trail alone': isTrail,
  'the rows alone': isLedger,
  'the wrapped keys alone': isKeys,
  'rows and wrapped keys': (name: string) => isLedger(name) || isKeys(name),
} as const satisfies Record<string, (collection: string) => boolean>

for (const [what, isChosen] of Object.entries(choices)) {
  test(`production, ${what} put back: nothing is answered, and restore-check leaves nothing of what was destroyed`, {
    skip,
  }, async () => {
    await using place = await productionPlace()
    for (const args of [['keys', 'init', '--door-key', place.doorKey], ['migrate']]) {
      const ran = await runVault(args, place.settings)
      assert.equal(ran.code, 0, ran.stderr)
    }
    const config = readConfig({ ...place.settings })
    const open = () => openVault(config, { log: silent })
    const erased: DocumentId[] = []
    let kept: { readonly id: DocumentId; readonly bytes: Buffer }
    let dumped: Dump
    const bodies = new Map<string, Buffer>()
    {
      await using opened = await open()
      const { vault } = opened
      erased.push(await store(vault, storyTenant, 'person-2', 2))
      const id = await store(vault, storyTenant, 'person-3', 3)
      kept = { id, bytes: await readAs(vault, id) }
      dumped = await dump(place)
      for await (const { key } of vault.blobs.list(Number.MAX_SAFE_INTEGER)) bodies.set(key, await bodyOf(vault, key))
      erased.push(await store(vault, storyTenant, 'person-4', 4))
      for (const person of ['person-2', 'person-4']) {
        await tell(vault, storyTenant, person, { type: 'closed', atMs: longAgoMs })
      }
      const run = await purgeNow(vault, storyTenant)
      assert.equal(run?.destroyed, 2)
    }
    await putBack(dumped, isChosen)
    await putBodiesBack(place, bodies)
    {
      await using opened = await open()
      assert.ok(opened.restored.length > 0)
      await assert.rejects(readAs(opened.vault, kept.id), { code: 'vault.restored' })
      await assert.rejects(readAs(opened.vault, erased[0] as DocumentId), { code: 'vault.restored' })
    }
    {
      const ran = await runVault(['restore-check', '--json'], place.settings)
      assert.equal(ran.code, 0, ran.stderr)
      assert.ok(JSON.parse(ran.stdout).replayed > 0)
    }
    await using opened = await open()
    const { vault } = opened
    assert.deepEqual(opened.restored, [])
    assert.deepEqual(await readAs(vault, kept.id), kept.bytes)
    for (const id of erased) {
      const row = await vault.ledger.findDocument(storyTenant, id)
      assert.ok(row === undefined || row.state === 'purged')
    }
    assert.equal((await vault.wrappedKeys.list({ limit: 9 })).length, 1)
    assert.equal((await Array.fromAsync(vault.blobs.list(Number.MAX_SAFE_INTEGER))).length, 1)
    assert.deepEqual(await findingsOf(vault), [])
    for (const { log, problems } of await verifyLogs(vault.batches)) assert.deepEqual(problems, [], log)
    assert.equal((await restoreCheck(vault, noSignal)).replayed, 0)
  })
}

async function bodyOf({ blobs }: Vault, key: string): Promise<Buffer> {
  await using blob = await blobs.open(key)
  return Buffer.concat(await Array.fromAsync(blob.read(0, blob.sizeBytes, noSignal)))
}

async function putBodiesBack({ settings }: ProductionPlace, bodies: ReadonlyMap<string, Buffer>): Promise<void> {
  const { endpoint, region, credentials } = s3Needs
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true })
  for (const [Key, Body] of bodies) {
    await client.send(new PutObjectCommand({ Bucket: settings.VAULT_S3_BUCKET, Key, Body }))
  }
  client.destroy()
}
