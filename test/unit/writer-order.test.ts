import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Trail } from '../../src/guards/trail.ts'
import { WriterOrder } from '../../src/guards/writer-order.ts'
import { DistantBatches } from '../support/distant-batches.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { ShiftedClock } from '../support/shifted-clock.ts'
import { assertVerifies, draftOf, freshBatches, writerOn } from '../support/trail-writing.ts'

const near = { wayMs: 1, durableMs: 4 }
const far = { wayMs: 4, durableMs: 12 }

for (const [where, distance] of Object.entries({ near, far })) {
  test(`four writers that always have something to say get about equal shares of a ${where} log, and lose seldom`, async t => {
    const site = await fourWriters(t, distance)
    await busy(site, site.trails, 150 * distance.durableMs)
    const won = site.stores.map(({ inserted }) => inserted)
    const lost = site.stores.reduce((sum, { taken }) => sum + taken, 0)
    const all = won.reduce((sum, one) => sum + one, 0)
    assert.ok(Math.min(...won) > all / 8, `won ${won.join(', ')}`)
    assert.ok(lost < all / 2, `${lost} batches sent for nothing beside ${all}`)
    assert.ok(all > 60, 'and the log is not left to idle')
    await assertVerifies(site.real)
  })
}

test('who has nothing more to say is not waited for again', async t => {
  const site = await fourWriters(t, near)
  await busy(site, site.trails, 200)
  const [first] = site.trails
  const [store] = site.stores
  assert.ok(first && store)
  const before = store.inserted
  await busy(site, [first], 400)
  // A batch takes 6 ms, and a gap for those who may be losing 7 more with the look after it.
  assert.ok(store.inserted - before > 400 / 20, `${store.inserted - before} batches in 400 ms`)
})

test('who fell silent keeps no slow writer from a log on which a fast one always has something to say', async t => {
  const site = await writers(t, [far, near, near])
  await busy(site, site.trails, 60 * far.durableMs)
  const [slow, fast] = site.trails
  const [store] = site.stores
  assert.ok(slow && fast && store)
  const before = store.inserted
  await busy(site, [slow, fast], 60 * far.durableMs)
  assert.ok(store.inserted - before > 3, `${store.inserted - before} batches of the slow writer`)
})

test('it is the turn of whoever wrote longest ago, and a turn that is let pass is over', () => {
  const order = new WriterOrder(new ManualClock(0))
  order.saw({ inst: 'a', seq: 0 })
  order.saw({ inst: 'b', seq: 1 })
  assert.equal(order.pauseMs(0), 0, 'nobody was overtaken')
  order.wrote(2, 4)
  const forTwo = order.pauseMs(0)
  order.saw({ inst: 'a', seq: 3 })
  const forOne = order.pauseMs(0)
  assert.ok(forTwo > forOne && forOne > 0, `${forTwo} and ${forOne}`)
  assert.equal(order.pauseMs(4), 0, 'looked at often enough')
  order.saw({ inst: 'b', seq: 4 })
  assert.equal(order.pauseMs(0), 0)
  order.wrote(5, 4)
  order.passed()
  assert.ok(order.pauseMs(0) < forOne * 2, 'a gap is left')
  assert.equal(order.pauseMs(1), 0, 'and no more')
})

test('a clock that is set back, and one that leaps, make nobody wait long', () => {
  const clock = new ShiftedClock(1_790_000_000_000)
  const order = new WriterOrder(clock)
  order.saw({ inst: 'a', seq: 0 })
  order.wrote(1, -3_600_000)
  clock.set(1_780_000_000_000)
  assert.ok(order.pauseMs(0) <= 32)
  order.wrote(2, 3_600_000)
  assert.ok(order.pauseMs(0) <= 32)
  clock.set(1_800_000_000_000)
  assert.equal(order.pauseMs(0), 0)
})

interface Site {
  readonly clock: ManualClock
  readonly real: Awaited<ReturnType<typeof freshBatches>>
  readonly stores: readonly DistantBatches[]
  readonly trails: readonly Trail[]
}

function fourWriters(t: TestContext, distance: typeof near): Promise<Site> {
  return writers(
    t,
    Array.from({ length: 4 }, () => distance),
  )
}

async function writers(t: TestContext, distances: readonly (typeof near)[]): Promise<Site> {
  const real = await freshBatches(t)
  const clock = new ManualClock(1_790_000_000_000)
  const stores = distances.map(distance => new DistantBatches(real, clock, distance))
  const trails = stores.map((store, at) => writerOn(t, store, { clock, instance: `writer-${at}` }))
  return { clock, real, stores, trails }
}

/** Two callers of each of these writers append one entry after another for so many milliseconds. */
async function busy({ clock, stores }: Site, trails: readonly Trail[], forMs: number): Promise<void> {
  const untilMs = clock.nowMs() + forMs
  const caller = async (trail: Trail): Promise<void> => {
    while (clock.nowMs() < untilMs) await trail.append([draftOf('omo7777')])
  }
  let isDone = false
  const done = Promise.all([...trails, ...trails].map(caller)).finally(() => {
    isDone = true
  })
  while (!isDone) {
    clock.advance(1)
    // Time stands still while anybody is at the real store or has turns of the event loop to take.
    for (let turns = 0; turns < 4 || stores.some(({ atWork }) => atWork > 0); turns++) await new Promise(setImmediate)
  }
  await done
}
