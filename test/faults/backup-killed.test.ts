import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { setTimeout as passed } from 'node:timers/promises'
import { VaultError } from '../../src/domain/errors.ts'
import { findingsOf } from '../support/house-work.ts'
import { store } from '../support/purge-work.ts'
import { storyTenant } from '../support/restored-story.ts'
import { smallDisk, smallDiskNeeds } from '../support/small-disk.ts'
import { runVault, type SpawnedVault, serveVault, settingsIn, startVault } from '../support/spawned-vault.ts'
import { newVaultFolder, openWrapped, type VaultFolder } from '../support/vault-folder.ts'

const papers = 9
const killing = new URL('../support/killed-at-file-call.ts', import.meta.url).href

/** What a folder that is to be a backup came to, as whoever restores it by the runbook meets it. */
async function restoredFrom(backup: string, place: VaultFolder): Promise<'nothing' | 'refused' | 'whole'> {
  await using own = await newVaultFolder()
  const { dataDir } = own.config
  mkdirSync(dataDir, { mode: 0o700 })
  for (const part of ['data', 'wrapped-keys']) {
    if (existsSync(join(backup, part))) cpSync(join(backup, part), dataDir, { recursive: true })
  }
  if (readdirSync(dataDir).length === 0) return 'nothing'
  try {
    await using open = await openWrapped({ ...own.config, keysDir: place.config.keysDir })
    assert.deepEqual(await findingsOf(open.vault), [])
    assert.equal((await open.vault.wrappedKeys.list({ limit: 99 })).length, papers)
    return 'whole'
  } catch (error) {
    if (!(error instanceof VaultError) || error.code !== 'config.invalid') throw error
    assert.match(JSON.stringify(error.facts), /broken off/)
    return 'refused'
  }
}

const settingsOf = ({ config }: VaultFolder): Record<string, string> =>
  settingsIn('', { VAULT_DATA_DIR: config.dataDir, VAULT_KEYS_DIR: config.keysDir })

/** Runs `backup`, and lets it kill itself before the nth call on a file of the target; 0 lets it end. */
function backUp(place: VaultFolder, to: string, killAt = 0) {
  const watched = { NODE_OPTIONS: `--import=${killing}`, VAULT_TEST_BELOW: to, VAULT_TEST_KILL_AT: String(killAt) }
  return runVault(['backup', '--to', to], { ...settingsOf(place), ...watched })
}

/** @returns how many calls a whole backup makes on its files, after it was seen to be whole */
async function wholeBackup(place: VaultFolder, to: string): Promise<number> {
  const ran = await backUp(place, to)
  assert.equal(ran.code, 0, ran.stderr)
  assert.equal(await restoredFrom(to, place), 'whole')
  return Number(/(\d+) calls/.exec(ran.stderr)?.[1])
}

async function requireRefusedOrWhole(place: VaultFolder, to: string, what: string): Promise<string> {
  const came = await restoredFrom(to, place)
  const isTold = existsSync(join(to, 'backup.json'))
  assert.ok(!isTold || came === 'whole', `${what}: said to be whole, and is ${came}`)
  return came
}

suite('a backup that is broken off', () => {
  let place: VaultFolder
  before(async () => {
    place = await newVaultFolder()
    await using open = await openWrapped(place.config)
    for (let seed = 0; seed < papers; seed++) await store(open.vault, storyTenant, `person-${seed}`, seed)
  })
  after(() => place[Symbol.asyncDispose]())

  async function requireServing({ url }: SpawnedVault): Promise<void> {
    assert.equal((await fetch(`${url}/readyz`)).status, 200)
  }

  test('killed before every other step, it is refused by whoever restores it; the vault serves on, and the next backup is whole', async () => {
    await using server = await serveVault(settingsOf(place))
    const calls = await wholeBackup(place, join(place.folder, 'first'))
    assert.ok(calls > 40, String(calls))
    const came = new Map<string, number>()
    for (let n = 1; n <= calls; n += 2) {
      const to = join(place.folder, `killed-${n}`)
      const ran = await backUp(place, to, n)
      assert.equal(ran.signal, 'SIGKILL')
      const end = await requireRefusedOrWhole(place, to, `call ${n}`)
      came.set(end, (came.get(end) ?? 0) + 1)
      await requireServing(server)
      if (n % 10 === 9)
        assert.equal((await runVault(['backup', '--to', to], settingsOf(place))).code, 2, 'not into the same folder')
      await rm(to, { recursive: true, force: true })
    }
    assert.ok((came.get('refused') ?? 0) > calls / 4, JSON.stringify([...came]))
    await wholeBackup(place, join(place.folder, 'last'))
    server.process.kill('SIGTERM')
    assert.equal((await server.ended).code, 0)
  })

  test('killed at any moment, as of a vault that is stopped, which then starts', async () => {
    for (let round = 0; round < 6; round++) {
      const to = join(place.folder, `moment-${round}`)
      const { child, ended } = startVault(['backup', '--to', to], settingsOf(place))
      while (!existsSync(join(to, 'data'))) await passed(1)
      await passed(round * 4)
      child.kill('SIGKILL')
      await ended
      await requireRefusedOrWhole(place, to, `round ${round}`)
    }
    await using server = await serveVault(settingsOf(place))
    await requireServing(server)
  })

  test('a target that becomes full is told, at whatever it was; the vault serves on, and the next backup is whole', {
    skip: smallDiskNeeds.skip,
  }, async () => {
    await using server = await serveVault(settingsOf(place))
    const small = join(place.folder, 'small')
    mkdirSync(small)
    using disk = smallDisk(small, 8)
    let failed = 0
    for (let kilobytes = 0; ; kilobytes += 24) {
      disk.fill(kilobytes)
      const to = join(small, `to-${kilobytes}`)
      const ran = await backUp(place, to)
      if (ran.code === 0) {
        assert.equal(await restoredFrom(to, place), 'whole')
        break
      }
      assert.equal(ran.code, 3, ran.stderr)
      assert.match(ran.stderr, /storage\.full|ENOSPC|room/)
      failed++
      assert.notEqual(await requireRefusedOrWhole(place, to, `${kilobytes} kB`), 'whole')
      await requireServing(server)
      await rm(to, { recursive: true, force: true })
      disk.free()
    }
    assert.ok(failed > 5, String(failed))
    await wholeBackup(place, join(place.folder, 'after'))
  })
})
