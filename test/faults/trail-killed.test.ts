import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openSqlite } from '../../src/adapters/sqlite-thread.ts'
import { SqliteTrailBatches } from '../../src/adapters/sqlite-trail-batches.ts'
import type { Placed } from '../../src/guards/vault.ts'
import { freshFolder } from '../support/fresh-sqlite.ts'
import { assertStandsOnce, assertVerifies } from '../support/trail-writing.ts'

const child = fileURLToPath(new URL('../support/appending-child.ts', import.meta.url))

/** Runs a writer on the folder and kills it once it has acknowledged `count` entries. @returns all that it acknowledged */
async function acknowledgedBeforeKill(folder: string, count: number): Promise<readonly Placed[]> {
  const writer = spawn(process.execPath, [child, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  const reader = createInterface({ input: writer.stdout })
  reader.on('line', line => {
    lines.push(line)
    if (lines.length === count) writer.kill('SIGKILL')
  })
  await Promise.all([once(writer, 'exit'), once(reader, 'close')])
  assert.ok(lines.length >= count)
  // The last line may have been cut by the kill.
  return lines.filter(line => line.endsWith('}')).map(line => JSON.parse(line) as Placed)
}

test('a writer killed at any moment leaves every acknowledged entry, and the next one goes on from there', async t => {
  const folder = await freshFolder(t)
  const placed: Placed[] = []
  for (const count of [1, 7, 40, 111, 300]) {
    placed.push(...(await acknowledgedBeforeKill(folder, count)))
    const thread = await openSqlite(folder)
    const batches = new SqliteTrailBatches(thread)
    await assertStandsOnce(batches, placed)
    assert.ok((await assertVerifies(batches)) >= placed.length)
    await thread[Symbol.asyncDispose]()
  }
})
