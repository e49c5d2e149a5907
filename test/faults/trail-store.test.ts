import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { SystemClock } from '../../src/adapters/system-clock.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { verifyLogs } from '../../src/trail/verify.ts'
import { FailingBatches, type InsertFault } from '../support/failing-batches.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { assertStandsOnce, assertVerifies, draftOf, freshBatches, KeptLog, writerOn } from '../support/trail-writing.ts'

const unavailable = { code: 'trail.unavailable' }

async function failingWriter(t: TestContext, clock: Clock = new SystemClock()) {
  const real = await freshBatches(t)
  const store = new FailingBatches(real)
  const log = new KeptLog()
  return { real, store, log, trail: writerOn(t, store, { clock, log }) }
}

/** Lets time pass in small steps, with turns of the event loop between them for whoever woke up. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    clock.advance(50)
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
  }
}

/** Longer than any caller waits, and than the writer waits for a store that breaks its promise to answer. */
const anyDeadlineMs = 3_000

for (const fault of ['throws-before', 'throws-after'] satisfies InsertFault[]) {
  test(`an insert that ${fault.replace('-', ' ')} it was stored ends in one acknowledged entry`, async t => {
    const { real, store, trail } = await failingWriter(t)
    store.inserts.push(fault, fault, fault)
    const placed = await trail.append([draftOf('omo7777')])
    const more = await trail.append([draftOf('omo7777')])
    await assertStandsOnce(real, [...placed, ...more])
    assert.equal(await assertVerifies(real), 2)
  })
}

for (const fault of ['hangs-before', 'hangs-after'] satisfies InsertFault[]) {
  test(`an insert that ${fault.replace('-', ' ')} it was stored is answered in time, and the writer lives on`, async t => {
    const clock = new ManualClock(Date.now())
    const { real, store, trail } = await failingWriter(t, clock)
    await trail.append([draftOf('omo7777')])
    store.inserts.push(fault)
    const told = assert.rejects(trail.append([draftOf('omo7777')]), unavailable)
    await pass(clock, anyDeadlineMs)
    await told
    const placed = await trail.append([draftOf('omo7777')])
    await assertStandsOnce(real, placed)
    assert.equal(await assertVerifies(real), fault === 'hangs-after' ? 3 : 2)
  })
}

test('a caller is told in time while the store is down, and nobody after it recovered', async t => {
  const clock = new ManualClock(Date.now())
  const { real, store, trail, log } = await failingWriter(t, clock)
  store.isDown = true
  const told = assert.rejects(trail.append([draftOf('omo7777')]), unavailable)
  await pass(clock, anyDeadlineMs)
  await told
  store.isDown = false
  const placed = await trail.append([draftOf('omo7777')])
  await assertStandsOnce(real, placed)
  assert.equal(await assertVerifies(real), 1)
  assert.deepEqual(log.errors, [])
})

test('a deadline passes by the timer even when the machine was set back meanwhile', async t => {
  const system = new SystemClock()
  let askedMs = 0
  const backwards: Clock = {
    nowMs: () => 1_800_000_000_000 - askedMs++,
    sleep: (ms, signal) => system.sleep(ms / 50, signal),
  }
  const { store, trail } = await failingWriter(t, backwards)
  store.isDown = true
  await assert.rejects(trail.append([draftOf('omo7777')]), unavailable)
})

test('a batch that lands while it is being tried again stands once', async t => {
  const { real, store, trail } = await failingWriter(t)
  await trail.append([draftOf('omo7777')])
  store.inserts.push('lands-late', 'throws-before', 'throws-before')
  const append = trail.append([draftOf('omo7777')])
  while (store.asked < 3) await new Promise(setImmediate)
  assert.deepEqual(await store.landLate(), ['inserted'])
  await assertStandsOnce(real, await append)
  assert.equal(await assertVerifies(real), 2)
})

test('a batch that lands after its caller was told no is followed like any other, and is an intent without an outcome', async t => {
  const clock = new ManualClock(Date.now())
  const { real, store, trail, log } = await failingWriter(t, clock)
  await trail.append([draftOf('omo7777')])
  store.inserts.push('lands-late')
  const intent = draftOf('omo7777', { act: 'document.open.original', out: 'allow' })
  const told = assert.rejects(trail.append([intent]), unavailable)
  while (store.asked < 2) await new Promise(setImmediate)
  store.isDown = true
  await pass(clock, anyDeadlineMs)
  await told
  store.isDown = false
  await store.landLate()
  const placed = await trail.append([draftOf('omo7777')])
  await assertStandsOnce(real, placed)
  assert.equal(await assertVerifies(real), 3)
  const [report] = await verifyLogs(real)
  assert.deepEqual(
    report?.openGrants.map(({ index, act }) => [index, act]),
    [[1, 'document.open.original']],
  )
  assert.deepEqual(log.errors, [])
})

test('a full store is told at once, without waiting for a deadline', async t => {
  const clock = new ManualClock(Date.now())
  const { store, trail } = await failingWriter(t, clock)
  store.inserts.push('full')
  await assert.rejects(trail.append([draftOf('omo7777')]), unavailable)
  const next = trail.append([draftOf('omo7777')])
  await pass(clock, 200)
  assert.equal((await next)[0]?.index, 0)
})

test('a place taken by a batch that cannot be seen yet is read again, not written again', async t => {
  const { real, store, trail } = await failingWriter(t)
  await trail.append([draftOf('omo7777')])
  await writerOn(t, real, { instance: 'two' }).append([draftOf('omo7777')])
  store.blindReads = 4
  const askedBefore = store.asked
  const placed = await trail.append([draftOf('omo7777')])
  assert.equal(store.asked - askedBefore, 2)
  await assertStandsOnce(real, placed)
  assert.equal(placed[0]?.index, 2)
})

const faults = fc.constantFrom<InsertFault | 'fine'>(
  'throws-before',
  'throws-after',
  'lands-late',
  'full',
  'fine',
  'fine',
)

test('whatever goes wrong between two writers and their store, each acknowledged entry stands once and the log verifies', async t => {
  const real = await freshBatches(t)
  let run = 0
  const property = fc.asyncProperty(
    fc.array(faults, { maxLength: 12 }),
    fc.array(faults, { maxLength: 12 }),
    async (...plans) => {
      const tenant = `run-${run++}`
      const stores = plans.map(plan => Object.assign(new FailingBatches(real), { inserts: plan.map(asFault) }))
      const writers = stores.map((store, i) => writerOn(t, store, { instance: `writer-${i}` }))
      const drafts = Array.from({ length: 12 }, (_, i) => draftOf(tenant, { detail: { i } }))
      const appends = writers.flatMap(trail => drafts.map(draft => trail.append([draft])))
      const ended = Promise.allSettled(appends)
      for (const store of stores) await store.landLate()
      const placed = (await ended).flatMap(end => (end.status === 'fulfilled' ? end.value : []))
      for (const store of stores) await store.landLate()
      await assertStandsOnce(real, placed)
      const [report] = await verifyLogs(real, { owner: tenant })
      assert.deepEqual(report?.problems ?? [], [])
      assert.ok((report?.entries ?? 0) >= placed.length)
    },
  )
  await fc.assert(property, { numRuns: 40 })
})

/** `undefined` in the plan is an insert that goes well. */
const asFault = (fault: InsertFault | 'fine'): InsertFault =>
  fault === 'fine' ? (undefined as unknown as InsertFault) : fault
