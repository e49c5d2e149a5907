import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { suite, test } from 'node:test'
import { type FirstKey, makeFirstKeys } from '../../src/access/first-keys.ts'
import { FileBlobs, openFileBlobs } from '../../src/adapters/file-blobs.ts'
import { blobKeyOf } from '../../src/domain/document.ts'
import { VaultError } from '../../src/domain/errors.ts'
import type { MessageId } from '../../src/domain/ids.ts'
import { closePending } from '../../src/guards/late-outcomes.ts'
import type { Vault } from '../../src/guards/vault.ts'
import type { Ports } from '../../src/ports/ports.ts'
import { sweepDeposits } from '../../src/upkeep/sweep-deposits.ts'
import { sweepOrphans } from '../../src/upkeep/sweep-orphans.ts'
import { Faults, watchPorts } from '../support/failing-ports.ts'
import { openFailingVault } from '../support/failing-vault.ts'
import {
  depositPaper,
  findingsOf,
  newPaper,
  noisePicture,
  readPaper,
  storePaper,
  tenantId,
} from '../support/house-work.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { TestClock } from '../support/test-clock.ts'
import { everyEntry } from '../support/trail-lines.ts'
import { newVaultFolder, openWrapped, type VaultFolder } from '../support/vault-folder.ts'

const dayMs = 86_400_000
const noSignal = new AbortController().signal

suite('what was once wrong stays right', () => {
  test('an upload is not told that a file is kept while another upload of it may still fail', async () => {
    await using open = await openFailingVault()
    const { vault, clock, faults } = open
    const paper = newPaper(await noisePicture(1))
    const first = await failCommits(faults, () => depositPaper(vault, paper))
    assert.equal(first.status, 'rejected')
    const second = { ...paper, key: 'another' }
    await assert.rejects(depositPaper(vault, second), code('ledger.conflict'))
    clock.advance(200_000)
    assert.equal((await depositPaper(vault, second)).status, 201)
    await assert.rejects(depositPaper(vault, { ...paper, key: 'a third' }), code('document.duplicate'))
  })

  test('the sweep of deposits ends when what it finds cannot be cleared away', async () => {
    await using open = await openFailingVault()
    const { vault, clock, faults } = open
    const picture = await noisePicture(1, 16)
    for (let made = 0; made < 100; made++) await failCommits(faults, () => depositPaper(vault, newPaper(picture)))
    clock.advance(200_000)
    let tries = 0
    const enough = new AbortController()
    const stuck = await faults.during(
      ({ name, at }) => {
        if (name === 'blobs.delete' && at === 'before' && ++tries > 250) enough.abort()
        return name === 'blobs.delete'
      },
      () => sweepDeposits(vault, tenantId, enough.signal),
    )
    assert.deepEqual(stuck, { status: 'fulfilled', value: 0 })
    assert.equal(tries, 100, 'each was tried once')
    assert.deepEqual(await openIntents(vault), [], 'what was tried and failed is on record')
    assert.equal(await sweepDeposits(vault, tenantId, noSignal), 100)
    assert.deepEqual(await findingsOf(vault), [])
  })

  test('the sweep of orphans keeps keys and bodies whose rows were lost', async () => {
    await using folder = await newVaultFolder()
    const clock = new TestClock()
    const picture = await noisePicture(1)
    const id = await inVault(folder, clock, async vault => await storePaper(vault, picture))
    const row = takeRow(folder, id)
    clock.advance(3 * dayMs)
    const swept = await inVault(folder, clock, vault => sweepOrphans(vault, noSignal))
    assert.deepEqual(swept, { blobs: 0, keys: 0 })
    putRow(folder, row)
    await inVault(folder, clock, vault => readPaper(vault, id))
  })

  test('an outcome that waits for the trail is on record before a stop', async () => {
    await using folder = await newVaultFolder()
    const faults = new Faults()
    await using open = await openWrapped(folder.config, { wrap: ports => watchPorts(ports, faults.at) })
    const { vault } = open
    const id = await storePaper(vault, await noisePicture(1))
    let given = false
    // Nothing new goes on record until somebody has looked: an outcome is tried again and again.
    const read = await faults.during(
      ({ name }) => name === 'batches.insert' && given,
      async () => {
        await readPaper(vault, id, {
          onBytes: () => {
            given = true
          },
        })
        assert.equal((await openIntents(vault)).length, 1)
      },
    )
    assert.equal(read.status, 'fulfilled', 'the paper was given before the trail failed')
    await closePending(vault)
    assert.deepEqual(await openIntents(vault), [])
  })

  test('a body that was written too late does not stay behind', async () => {
    await using folder = await newVaultFolder()
    const store = { folder: join(folder.folder, 'blobs'), reserveBytes: 0 }
    await using _made = await openFileBlobs(store)
    await using hasty = new FileBlobs({ ...store, timeoutMs: 1 })
    const name = randomBytes(32).toString('hex')
    const key = blobKeyOf(name as MessageId)
    const parts = Array.from({ length: 64 }, () => randomBytes(256 * 1024))
    await assert.rejects(hasty.put(rawGrant, key, parts, noSignal), code('blobs.unavailable'))
    const patience = AbortSignal.timeout(10_000)
    let seen = false
    while (!seen || existsSync(join(store.folder, key))) {
      seen ||= existsSync(join(store.folder, key))
      assert.ok(!patience.aborted, 'it is still there')
      await new Promise(setImmediate)
    }
  })

  test('a first start that fails anywhere leaves no tenant without the text of its keys', async () => {
    const total = (await firstStart(() => false)).calls
    assert.ok(total > 60)
    for (let n = 1; n <= total; n += 3) {
      const { kept, works } = await firstStart(at => at >= n)
      assert.deepEqual(
        works.filter(isThere => !isThere),
        [],
        `failing from call ${n} on`,
      )
      assert.equal(kept, works.length)
    }
  })
})

/** Starts once while calls from some moment on fail, and once more; says which keys that were kept work. */
async function firstStart(fails: (n: number) => boolean) {
  await using folder = await newVaultFolder()
  const faults = new Faults()
  await using open = await openWrapped(folder.config, { wrap: ports => watchPorts(hurried(ports), faults.at) })
  const { vault } = open
  const file = new Map<string, FirstKey>()
  const keep = async (keys: readonly FirstKey[]): Promise<void> => {
    for (const key of keys) file.set(key.person, key)
  }
  let calls = 0
  await faults.during(
    (_, n) => {
      calls = n
      return fails(n)
    },
    () => makeFirstKeys(vault, keep),
  )
  await makeFirstKeys(vault, keep)
  const works = await Promise.all(
    [...file.values()].map(async ({ key }) => !!(await vault.identity.identify(key, 'r'))),
  )
  return { calls, works, kept: [...vault.tenants.values()].reduce((sum, { roles }) => sum + roles.length, 0) }
}

function hurried(ports: Ports): Ports {
  const clock = new TestClock()
  clock.speed = 20
  return { ...ports, clock }
}

/** The publishing commit fails, the one before it does not: the attempt is left to its deadline. */
function failCommits<Result>(faults: Faults, work: () => Promise<Result>) {
  let commits = 0
  return faults.during(({ name, at }) => {
    if (name === 'ledger.commit' && at === 'before') commits++
    return name === 'ledger.commit' && commits > 1
  }, work)
}

async function inVault<Result>(
  folder: VaultFolder,
  clock: TestClock,
  work: (vault: Vault) => Promise<Result>,
): Promise<Result> {
  await using open = await openWrapped(folder.config, { clock })
  return await work(open.vault)
}

async function openIntents(vault: Vault): Promise<readonly string[]> {
  const open = new Set<string>()
  for await (const { id, out, of } of everyEntry(vault)) {
    if (out === 'allow') open.add(id)
    if (of !== undefined) open.delete(of)
  }
  return [...open]
}

type Row = Record<string, string | number | null>

function takeRow({ config }: VaultFolder, id: string): Row {
  using database = new DatabaseSync(join(config.dataDir, 'ledger.sqlite'))
  const row = database.prepare('SELECT * FROM document WHERE id = ?').get(id) as Row
  database.prepare('DELETE FROM document WHERE id = ?').run(id)
  return row
}

function putRow({ config }: VaultFolder, row: Row): void {
  using database = new DatabaseSync(join(config.dataDir, 'ledger.sqlite'))
  const values = Object.values(row)
  database.prepare(`INSERT INTO document VALUES (${values.map(() => '?').join(', ')})`).run(...values)
}

function code(expected: string) {
  return (error: unknown): boolean => error instanceof VaultError && error.code === expected
}
