import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import type { DocumentId } from '../../src/domain/ids.ts'
import { continueEpochs } from '../../src/upkeep/continue-epochs.ts'
import { findingsOf, noisePicture, normalised, readPaper, storePaper, tenantId } from '../support/house-work.ts'
import { TestClock } from '../support/test-clock.ts'
import { newVaultFolder, openWrapped } from '../support/vault-folder.ts'

const child = new URL('./rewrap-killed-child.ts', import.meta.url).pathname
const dayMs = 24 * 3_600_000

/** @returns the sides of the port calls when it was not killed */
async function run(folder: string, killAt: number): Promise<readonly string[] | undefined> {
  const process_ = spawn(process.execPath, [child, folder, String(killAt)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_COMPILE_CACHE: join(folder, 'code') },
  })
  let output = ''
  process_.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const [code, signal] = await once(process_, 'close')
  if (signal === 'SIGKILL') return undefined
  assert.equal(code, 0)
  return JSON.parse(output)
}

test('a rotation that is killed between any two port calls is carried on by the next, and no paper is lost', async () => {
  await using place = await newVaultFolder()
  const picture = await noisePicture(1, 64)
  const ids: DocumentId[] = []
  {
    await using open = await openWrapped(place.config)
    for (let n = 0; n < 3; n++) ids.push(await storePaper(open.vault, picture))
  }
  const sides = (await run(place.folder, 0)) ?? []
  // Between the end of one call and the beginning of the next nothing happens that could be lost.
  const kills = sides.flatMap((side, at) => (side === 'before' || at === 0 ? [] : [at + 1]))
  assert.ok(kills.length > 15, `${kills.length} kills`)
  for (const at of kills) assert.equal(await run(place.folder, at), undefined, `call ${at} was reached`)

  const clock = new TestClock()
  await using open = await openWrapped(place.config, { clock })
  const { vault } = open
  const kept = await normalised(vault, picture)
  for (const id of ids) assert.deepEqual(await readPaper(vault, id), kept)
  assert.deepEqual(await findingsOf(vault), [], 'whatever a kill left behind is on record')
  const all = { signal: new AbortController().signal, retire: true }
  for (const ms of [0, 11 * 60_000, 0, dayMs, 0]) {
    clock.advance(ms)
    await continueEpochs(vault, all)
  }
  const epochs = await vault.ledger.listEpochs(tenantId)
  const active = epochs.filter(({ state }) => state === 'active')
  assert.equal(active.length, 1)
  assert.ok(epochs.length > kills.length && epochs.every(({ state }) => state === 'active' || state === 'ended'))
  assert.equal(await vault.wrappedKeys.countUnder(active[0]?.epoch ?? '', tenantId), ids.length)
  for (const id of ids) assert.deepEqual(await readPaper(vault, id), kept)
})
