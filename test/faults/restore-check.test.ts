import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { EmbeddedConfig } from '../../src/config.ts'
import { logsOf } from '../../src/domain/log-name.ts'
import { findRestored } from '../../src/guards/restored.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { purgeCaller } from '../../src/retention/purge-caller.ts'
import { restoreCheck } from '../../src/retention/restore-check.ts'
import { readTrail, type TrailPage, type TrailPlace } from '../../src/trail/search.ts'
import { verifyLogs } from '../../src/trail/verify.ts'
import { sweepOrphans } from '../../src/upkeep/sweep-orphans.ts'
import { Faults, type PortCall, watchPorts } from '../support/failing-ports.ts'
import { callerAs, findingsOf } from '../support/house-work.ts'
import { bornMs, dayMs, purgeNow, store, tell } from '../support/purge-work.ts'
import { refused } from '../support/refused.ts'
import { openAt, readAs, type Story, storyTenant, tellStory } from '../support/restored-story.ts'
import { openWrapped } from '../support/vault-folder.ts'

const noSignal = new AbortController().signal
let told: Promise<Story> | undefined
const story = () => {
  told ??= tellStory()
  return told
}
after(async () => (await told)?.[Symbol.asyncDispose]())

async function requireWhole(vault: Vault, { erased, kept }: Story, what = 'after restore-check'): Promise<void> {
  assert.deepEqual(await readAs(vault, kept.id), kept.bytes, what)
  for (const id of erased) {
    const row = await vault.ledger.findDocument(storyTenant, id)
    assert.ok(row === undefined || row.state === 'purged', what)
  }
  assert.equal((await vault.wrappedKeys.list({ limit: 99 })).length, 1, what)
  assert.deepEqual(await findingsOf(vault), [], what)
  for (const { log, problems } of await verifyLogs(vault.batches)) assert.deepEqual(problems, [], `${what}: ${log}`)
}

/** Runs `restore-check` on a vault whose ports fail as `fails` says. */
async function attempt(
  config: EmbeddedConfig,
  { clock }: Story,
  faults: Faults,
  fails: (call: PortCall, n: number) => boolean,
) {
  await using open = await openWrapped(config, { clock, wrap: ports => watchPorts(ports, faults.at) })
  clock.speed = 10
  try {
    return await faults.during(fails, () => restoreCheck(open.vault, noSignal))
  } finally {
    clock.speed = 1
  }
}

test('restore-check that ends anywhere revives nothing, and the next one ends it', async t => {
  const own = await story()
  const { clock, restored, erased } = own
  const faults = new Faults()
  let calls: readonly PortCall[] = []
  {
    await using open = await openWrapped(await restored('ledger', 'keys', 'trail', 'blobs'), {
      clock,
      wrap: ports => watchPorts(ports, faults.at),
    })
    calls = await faults.record(() => restoreCheck(open.vault, noSignal))
  }
  assert.ok(calls.length > 50, String(calls.length))
  const places = calls.entries().filter(([, { name }]) => /\.(?:commit|insert|append|destroy|delete)$/.test(name))
  for (const [index, { name, at }] of places) {
    const what = `${name}, call ${index + 1}, ${at} its effect`
    const config = await restored('ledger', 'keys', 'trail', 'blobs')
    await attempt(config, own, faults, (_, n) => n > index)
    {
      await using open = await openAt(config, clock)
      if (open.restored.length === 0) {
        for (const id of erased) {
          assert.notEqual((await open.vault.ledger.findDocument(storyTenant, id))?.state, 'stored', what)
        }
      }
    }
    {
      await using open = await openAt(config, clock, true)
      await restoreCheck(open.vault, noSignal)
    }
    await using open = await openAt(config, clock)
    assert.deepEqual(open.restored, [], what)
    await requireWhole(open.vault, own, what)
  }
  t.diagnostic(`${calls.length} places to end at`)
})

test('a backup that is put back twice is undone twice, each time in logs of their own', async () => {
  const own = await story()
  const { clock, restored } = own
  const first = await restored('ledger', 'keys', 'trail', 'blobs')
  {
    await using open = await openAt(first, clock, true)
    await restoreCheck(open.vault, noSignal)
  }
  const second = await restored('ledger', 'keys', 'trail', 'blobs')
  // The list is what no backup restores: it knows of the first time.
  await own.keepList(first, second)
  {
    await using open = await openAt(second, clock)
    assert.ok(open.restored.length > 0)
  }
  {
    await using open = await openAt(second, clock, true)
    const { opened } = await restoreCheck(open.vault, noSignal)
    assert.ok(opened.length > 0 && opened.every(log => log.endsWith('.2')), String(opened))
  }
  await using open = await openAt(second, clock)
  assert.deepEqual(open.restored, [])
  await requireWhole(open.vault, own)
})

test('the vault goes on after a restore: papers are stored, destroyed, and the year is closed and opened as ever', async () => {
  const own = await story()
  const { clock, restored } = own
  const config = await restored('ledger', 'keys', 'trail', 'blobs')
  {
    await using open = await openAt(config, clock, true)
    await restoreCheck(open.vault, noSignal)
  }
  await using open = await openAt(config, clock)
  const { vault } = open
  const year = new Date(clock.nowMs()).getUTCFullYear()
  const id = await store(vault, storyTenant, 'person-9', 9)
  const stored = await vault.ledger.findDocument(storyTenant, id)
  assert.equal(stored?.state === 'stored' && stored.trail.log, `${storyTenant}/${year}.1`)
  await tell(vault, storyTenant, 'person-9', { type: 'closed', atMs: bornMs })
  const run = await purgeNow(vault, storyTenant)
  assert.equal(run?.destroyed, 1)
  assert.deepEqual(await findRestored(vault), [])
  const logs = logsOf(await vault.batches.logs(), storyTenant)
  assert.ok(logs.length > 2)
  assert.deepEqual(await logsFound(vault), logs.toReversed())
  for (const { log, problems } of await verifyLogs(vault.batches)) assert.deepEqual(problems, [], log)
})

test('a list of the destroyed that is older than the tombstones is noticed by check', async () => {
  const { clock, withOlderList } = await story()
  await using open = await openAt(await withOlderList(), clock)
  assert.deepEqual(open.restored, [], 'nothing is back')
  assert.deepEqual(await findingsOf(open.vault), [{ code: 'destroyed.unlisted', tenant: storyTenant }])
})

test('nothing is swept, purged or put on record by a vault that was restored', async () => {
  const { clock, restored } = await story()
  const config = await restored('ledger', 'keys')
  await using open = await openAt(config, clock)
  const { vault } = open
  clock.advance(2 * dayMs)
  const before = [(await vault.wrappedKeys.list({ limit: 99 })).length, await entries(vault)]
  await refused(purgeNow(vault, storyTenant, purgeCaller(vault, storyTenant)), 'vault.restored')
  await refused(sweepOrphans(vault, noSignal), 'vault.restored').catch(error => {
    // Where it finds nothing to sweep it asks for nothing.
    assert.ok(error instanceof assert.AssertionError)
  })
  assert.deepEqual([(await vault.wrappedKeys.list({ limit: 99 })).length, await entries(vault)], before)
})

/** The logs that a search of the whole trail goes through, page by page. */
async function logsFound(vault: Vault): Promise<readonly string[]> {
  const logs: string[] = []
  for (let place: Partial<TrailPlace> | undefined = {}; place; ) {
    const reason = { purpose: undefined, case: undefined }
    const search = { filter: {}, reason, limit: 2, ...place }
    const page: TrailPage = await readTrail(vault, callerAs('auditor', 'auditor', storyTenant), search)
    for (const { log } of page.items) if (logs.at(-1) !== log) logs.push(log)
    // What the search itself puts on record comes before its first page, never after.
    place = page.next
  }
  return logs
}

async function entries({ batches }: Vault): Promise<number> {
  const reports = await verifyLogs(batches)
  return reports.reduce((sum, report) => sum + report.entries, 0)
}
