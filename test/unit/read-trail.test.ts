import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { SqliteLedger } from '../../src/adapters/sqlite-ledger.ts'
import { SqliteTrailBatches } from '../../src/adapters/sqlite-trail-batches.ts'
import type { Caller, Reason } from '../../src/domain/caller.ts'
import type { CaseReference, TenantId } from '../../src/domain/ids.ts'
import { Denials } from '../../src/guards/denials.ts'
import { readTrail, type TrailSearch } from '../../src/trail/search.ts'
import { aTenant } from '../support/a-tenant.ts'
import { FailingBatches } from '../support/failing-batches.ts'
import { freshSqlite } from '../support/fresh-sqlite.ts'
import { ShiftedClock } from '../support/shifted-clock.ts'
import { callerOf, draftOf, KeptLog, writerOn } from '../support/trail-writing.ts'

const nowMs = Date.UTC(2027, 5, 1)
const caseOne: Reason = { purpose: undefined, case: 'case-1' as CaseReference }
const noReason: Reason = { purpose: undefined, case: undefined }
const dpo = callerOf('omo7777', 'dpo-1', ['dpo'])

async function searched(t: TestContext) {
  const { thread } = await freshSqlite(t)
  const batches = new FailingBatches(new SqliteTrailBatches(thread))
  const clock = new ShiftedClock(nowMs)
  const log = new KeptLog()
  const trail = writerOn(t, batches, { clock, log })
  const tenants = new Map(['omo7777', 'jnetot'].map(name => [name as TenantId, aTenant(name)]))
  const ledger = new SqliteLedger(thread)
  const vault = { trail, batches, tenants, denials: new Denials(), clock, log, ledger }
  const read = (caller: Caller, over: Partial<TrailSearch> = {}) =>
    readTrail(vault, caller, { filter: {}, reason: noReason, limit: 50, ...over })
  return { vault, trail, batches, clock, read }
}

const acts = (page: Awaited<ReturnType<typeof readTrail>>) => page.items.map(({ entry }) => `${entry.act} ${entry.out}`)

test('reading the trail is on record before it is answered, and shows its own intent first', async t => {
  const { trail, read } = await searched(t)
  await trail.append([draftOf('omo7777')])
  assert.deepEqual(acts(await read(dpo)), ['trail.read allow', 'document.describe done'])
  const again = await read(dpo)
  assert.deepEqual(acts(again).slice(0, 2), ['trail.read allow', 'trail.read done'])
  assert.deepEqual(again.items[1]?.entry.det, { n: 2 })
  assert.equal(again.items[1]?.entry.of, again.items[2]?.entry.id)
})

test('pages follow each other newest first over the years, without a gap or a repetition', async t => {
  const { trail, clock, read } = await searched(t)
  for (const year of [2025, 2026, 2027]) {
    clock.set(Date.UTC(year, 5, 1))
    for (let i = 0; i < 40; i++) await trail.append([draftOf('omo7777', { detail: { i, year } })])
  }
  const filter = { act: 'document.describe' }
  const seen: unknown[] = []
  let page = await read(dpo, { filter, limit: 7 })
  seen.push(...page.items)
  while (page.next) {
    page = await read(dpo, { filter, limit: 7, ...page.next })
    seen.push(...page.items)
  }
  const expected = [2027, 2026, 2025].flatMap(year => Array.from({ length: 40 }, (_, i) => [year, 39 - i]))
  assert.deepEqual(
    (seen as typeof page.items).map(({ entry }) => [entry.det?.year, entry.det?.i]),
    expected,
  )
})

test('each filter holds by itself and all of them together', async t => {
  const { trail, clock, read } = await searched(t)
  const other = callerOf('omo7777', 'person-2')
  await trail.append([draftOf('omo7777', { document: 'd1', subject: 's1' })])
  await trail.append([draftOf('omo7777', { document: 'd2', subject: 's1', out: 'deny' })])
  clock.set(nowMs + 3_600_000)
  await trail.append([draftOf('omo7777', { document: 'd1', subject: 's2', caller: other })])
  const found = async (filter: TrailSearch['filter']) =>
    (await read(dpo, { filter: { act: 'document.describe', ...filter } })).items.map(({ index }) => index)
  assert.deepEqual(await found({}), [2, 1, 0])
  assert.deepEqual(await found({ document: 'd1' }), [2, 0])
  assert.deepEqual(await found({ subject: 's1' }), [1, 0])
  assert.deepEqual(await found({ actor: 'person-2' }), [2])
  assert.deepEqual(await found({ out: 'deny' }), [1])
  assert.deepEqual(await found({ fromMs: nowMs + 1_800_000 }), [2])
  assert.deepEqual(await found({ toMs: nowMs + 1_800_000 }), [1, 0])
  assert.deepEqual(await found({ document: 'd1', subject: 's1', toMs: nowMs + 1_800_000 }), [0])
})

test('legal sees the entries of the named case alone, a reviewer only their own, support none', async t => {
  const { trail, read } = await searched(t)
  await trail.append([draftOf('omo7777', { reason: caseOne })])
  await trail.append([draftOf('omo7777', { caller: callerOf('omo7777', 'person-2') })])
  const legal = callerOf('omo7777', 'legal-1', ['legal'])
  await assert.rejects(read(legal), { code: 'case.missing' })
  assert.deepEqual(acts(await read(legal, { reason: caseOne })), ['trail.read allow', 'document.describe done'])
  const own = await read(callerOf('omo7777', 'person-2'))
  assert.deepEqual(acts(own), ['trail.read allow', 'document.describe done'])
  await assert.rejects(read(callerOf('omo7777', 's', ['support'])), { code: 'role.not-allowed' })
  assert.deepEqual(acts(await read(dpo, { filter: { out: 'deny' } })), ['trail.read deny', 'trail.read deny'])
})

test('no caller comes near the log of another tenant, and the try is on record', async t => {
  const { trail, read } = await searched(t)
  await trail.append([draftOf('jnetot')])
  await trail.append([draftOf(undefined)])
  for (const log of ['jnetot/2027', '_vault/2027', 'omo7777/27', '../jnetot/2027', 'omo7777-x/2027', '']) {
    await assert.rejects(read(dpo, { log, before: 1 }), { code: 'trail.range' })
  }
  for (const place of [{ before: 1 }, { log: 'omo7777/2027', before: -1 }, { log: 'omo7777/2027', before: 0.5 }]) {
    await assert.rejects(read(dpo, place), { code: 'trail.range' })
  }
  const { items } = await read(dpo, { filter: {} })
  assert.ok(items.every(({ log, entry }) => log === 'omo7777/2027' && entry.ten === 'omo7777'))
  assert.equal(items.filter(({ entry }) => entry.out === 'deny' && entry.why === 'trail.range').length, 9)
})

test('one call examines at most 10,000 entries and says where to go on', async t => {
  const { trail, read } = await searched(t)
  await trail.append([draftOf('omo7777', { document: 'd1' })])
  for (let i = 0; i < 24; i++) await trail.append(Array.from({ length: 500 }, () => draftOf('omo7777')))
  const filter = { document: 'd1', act: 'document.describe' }
  const first = await read(dpo, { filter })
  assert.deepEqual(first.items, [])
  assert.deepEqual(first.next, { log: 'omo7777/2027', before: 12_001 + 1 - 10_000 })
  const second = await read(dpo, { filter, ...first.next })
  assert.deepEqual([second.items.map(({ index }) => index), second.next], [[0], undefined])
})

test('without a record nothing of the trail is shown', async t => {
  const { trail, batches, read } = await searched(t)
  await trail.append([draftOf('omo7777')])
  batches.inserts.push('full')
  await assert.rejects(read(dpo), { code: 'trail.unavailable' })
})
