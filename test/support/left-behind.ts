import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { GetObjectCommand } from '@aws-sdk/client-s3'
import { mongo } from 'mongoose'
import { holders } from './holders.ts'
import type { ProductionPlace } from './production-place.ts'
import { problemsIn } from './production-site.ts'
import { everyVersion } from './s3-bucket.ts'
import type { Ran } from './spawned-vault.ts'

/** Stands in clear in papers of tests, so that a search for its bytes finds a paper that was not sealed. */
export const papersMark = 'CANARY-OF-A-PAPER-Jalan-Kenanga-23'

/** Looks for the mark in every object, row and file of the place and in what its vaults printed, and at the keys that wrap. */
export async function assertNoPlaintext(place: ProductionPlace, ran: readonly Ran[]): Promise<void> {
  const { client, bucket } = place.bucket
  for (const { key, version } of await everyVersion(client, bucket)) {
    const command = new GetObjectCommand({ Bucket: bucket, Key: key, VersionId: version })
    const bytes = (await (await client.send(command)).Body?.transformToByteArray()) ?? new Uint8Array()
    assert.ok(!Buffer.from(bytes).includes(papersMark), `${key} lies in clear`)
  }
  let wrapped = 0
  for (const row of await place.rows()) {
    assert.ok(!Buffer.from(row).includes(papersMark), 'a row holds a paper')
    for (const { provider, info } of edksIn(row)) {
      wrapped++
      assert.deepEqual([provider, info], ['aws-kms', place.documentsArn])
    }
  }
  assert.ok(wrapped > 0, 'the search finds wrapped keys')
  const found = await holders(place.folder)
  assert.deepEqual(await found(papersMark), [])
  for (const { stdout, stderr } of ran) assert.ok(!stdout.includes(papersMark) && !stderr.includes(papersMark))
}

function edksIn(row: Uint8Array): readonly { readonly provider: unknown; readonly info: string }[] {
  const { edks } = mongo.BSON.deserialize(row, { promoteBuffers: true })
  if (!Array.isArray(edks)) return []
  return edks.map(({ provider, info }) => ({ provider, info: Buffer.from(info as Uint8Array).toString('utf8') }))
}

/** Runs the sweeps as if two days had passed; afterwards `check` finds nothing. @returns what they cleared away */
export async function sweptLater(place: ProductionPlace): Promise<unknown> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'sweep-later.ts')], {
    env: { ...place.settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [printed, complained] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  assert.equal(child.exitCode, 0, complained)
  assert.deepEqual(await problemsIn(place), [])
  return JSON.parse(printed)
}
