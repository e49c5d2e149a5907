import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TestContext, test } from 'node:test'
import { type BackupProgress, backUpFolders } from '../../src/adapters/embedded-backup.ts'
import type { TenantId } from '../../src/domain/ids.ts'
import { store } from '../support/purge-work.ts'
import { refused } from '../support/refused.ts'
import { newVaultFolder, openWrapped } from '../support/vault-folder.ts'

const tenant = 'nomor-keluar' as TenantId
const inSilence: BackupProgress = () => undefined

/** A vault with two papers that goes on running, and where to copy it to. */
async function running(t: TestContext) {
  const place = await newVaultFolder()
  t.after(() => place[Symbol.asyncDispose]())
  const open = await openWrapped(place.config)
  t.after(() => open[Symbol.asyncDispose]())
  for (const seed of [1, 2]) await store(open.vault, tenant, `person-${seed}`, seed)
  const { dataDir, keysDir } = place.config
  return { dataDir, places: { dataDir, keysDir, to: join(place.folder, 'backup') } }
}

/** As a purge does in between: the row leaves every reader, then the key goes. */
function giveUpOne(dataDir: string, andRow: boolean): void {
  using ledger = new DatabaseSync(join(dataDir, 'ledger.sqlite'), { timeout: 5_000 })
  const row = ledger.prepare("SELECT id, body ->> 'messageId' AS message FROM document ORDER BY id").get()
  if (andRow) ledger.prepare("UPDATE document SET state = 'purging' WHERE id = ?").run(String(row?.id))
  using keys = new DatabaseSync(join(dataDir, 'wrapped-keys.sqlite'), { timeout: 5_000 })
  assert.equal(keys.prepare('DELETE FROM wrapped_key WHERE id = ?').run(`doc/${String(row?.message)}`).changes, 1)
}

test('each part is told as it is copied, in the order in which a copy holds together', async t => {
  const { places } = await running(t)
  const told: string[] = []
  const facts = await backUpFolders(places, (what, done, total) => told.push(`${what} ${done}/${total}`))
  assert.deepEqual(told, [
    'ledger.sqlite 0/1',
    'ledger.sqlite 1/1',
    'wrapped-keys.sqlite 0/1',
    'wrapped-keys.sqlite 1/1',
    'sealed bodies 2/2',
    'trail.sqlite 0/1',
    'trail.sqlite 1/1',
  ])
  const { papers, wrappedKeys, bodies, destroyedMeanwhile } = facts
  assert.deepEqual([papers, wrappedKeys, bodies, destroyedMeanwhile], [2, 2, 2, 0])
})

test('a paper that is destroyed while the copy is made is counted, and is no damage', async t => {
  const { dataDir, places } = await running(t)
  const facts = await backUpFolders(places, (what, done) => {
    if (what === 'ledger.sqlite' && done === 1) giveUpOne(dataDir, true)
  })
  assert.deepEqual([facts.papers, facts.destroyedMeanwhile], [1, 1])
})

test('a paper whose key is gone while its row says stored makes the copy a bad one', async t => {
  const { dataDir, places } = await running(t)
  giveUpOne(dataDir, false)
  const refusal = await refused(backUpFolders(places, inSilence), 'ledger.unavailable')
  assert.match(refusal.facts.detail ?? '', /no key or no body/)
})

test('a database that is not there, or is damaged, is told in words', async t => {
  const { dataDir, places } = await running(t)
  await rm(join(dataDir, 'trail.sqlite'))
  await refused(backUpFolders(places, inSilence), 'ledger.unavailable')
})
