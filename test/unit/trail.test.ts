import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseEntry } from '../../src/domain/entry.ts'
import { VaultError } from '../../src/domain/errors.ts'
import { entriesOf } from '../../src/guards/entry-bundle.ts'
import { nextBatch, statedHead } from '../../src/guards/trail-head.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { ShiftedClock } from '../support/shifted-clock.ts'
import {
  assertStandsOnce,
  assertVerifies,
  draftOf,
  entryAt,
  freshBatches,
  KeptLog,
  writerOn,
} from '../support/trail-writing.ts'

const year = new Date().getUTCFullYear()
const tenants = ['nomor-keluar', 'omo7777', undefined]
const lastMoment = Date.UTC(2026, 11, 31, 23, 59, 59, 900)
const nextYear = Date.UTC(2027, 0, 1, 0, 0, 0, 100)

test('entries stand where the writer says, in order, each tenant in a log of its own', async t => {
  const batches = await freshBatches(t)
  const trail = writerOn(t, batches)
  const placed = await Promise.all(
    Array.from({ length: 300 }, (_, i) => trail.append([draftOf(tenants[i % 3], { detail: { i } })])),
  )
  await assertStandsOnce(batches, placed.flat())
  assert.deepEqual(await batches.logs(), [`_vault/${year}`, `nomor-keluar/${year}`, `omo7777/${year}`])
  for (const [i, [one]] of placed.entries()) {
    assert.ok(one)
    const entry = parseEntry(await entryAt(batches, one))
    assert.deepEqual([entry.det?.i, entry.ten, one.index], [i, tenants[i % 3], Math.floor(i / 3)])
  }
  assert.equal(await assertVerifies(batches), 300)
})

test('entries of one call stand side by side in one batch, and what waits together is committed together', async t => {
  const batches = await freshBatches(t)
  const trail = writerOn(t, batches)
  const calls = Array.from({ length: 20 }, () => trail.append(Array.from({ length: 100 }, () => draftOf('omo7777'))))
  for (const placed of await Promise.all(calls)) {
    assert.deepEqual(
      placed.map(({ index }) => index - (placed[0]?.index ?? 0)),
      [...Array(100).keys()],
    )
    const holding = await batches.holding(`omo7777/${year}`, placed[0]?.index ?? -1)
    assert.ok(holding && (placed[99]?.index ?? 0) < holding.first + holding.n)
  }
  assert.equal((await batches.tail(`omo7777/${year}`))?.seq, 3)
  assert.equal(await assertVerifies(batches), 2_000)
})

test('a writer goes on where the last one stopped', async t => {
  const batches = await freshBatches(t)
  const first = writerOn(t, batches)
  await first.append([draftOf('omo7777'), draftOf('omo7777')])
  await first.close()
  const [placed] = await writerOn(t, batches).append([draftOf('omo7777')])
  assert.equal(placed?.index, 2)
  assert.equal(await assertVerifies(batches), 3)
})

test('two writers on one store never lose, double or reorder an entry', async t => {
  const batches = await freshBatches(t)
  const [one, two] = [writerOn(t, batches, { instance: 'one' }), writerOn(t, batches, { instance: 'two' })]
  const append = async (trail: typeof one) => {
    const placed = []
    for (let i = 0; i < 30; i++) placed.push(...(await trail.append([draftOf('jnetot', { detail: { i } })])))
    assert.deepEqual(
      placed.map(({ index }) => index),
      placed.map(({ index }) => index).toSorted((a, b) => a - b),
    )
    return placed
  }
  const placed = await Promise.all([one, two, one, two].map(append))
  await assertStandsOnce(batches, placed.flat())
  assert.equal(new Set(placed.flat().map(({ index }) => index)).size, 120)
  assert.equal(await assertVerifies(batches), 120)
})

test('at the turn of the year the old log is closed, the next one opened, and two writers meet there', async t => {
  const batches = await freshBatches(t)
  const clocks = [new ShiftedClock(lastMoment), new ShiftedClock(lastMoment)]
  const writers = clocks.map((clock, i) => writerOn(t, batches, { clock, instance: `writer-${i}` }))
  const appendAll = () => Promise.all(writers.map(trail => trail.append([draftOf('omo7777')])))
  const before = await appendAll()
  clocks[0]?.set(nextYear)
  const ahead = await writers[0]?.append([draftOf('omo7777')])
  const behind = await writers[1]?.append([draftOf('omo7777')])
  for (const clock of clocks) clock.set(nextYear)
  const after = await appendAll()
  const placed = [...before.flat(), ...(ahead ?? []), ...(behind ?? []), ...after.flat()]
  await assertStandsOnce(batches, placed)
  assert.deepEqual(
    placed.map(({ log }) => log),
    ['omo7777/2026', 'omo7777/2026', 'omo7777/2027', 'omo7777/2027', 'omo7777/2027', 'omo7777/2027'],
  )
  const closing = await batches.tail('omo7777/2026')
  const opening = await batches.find('omo7777/2027', 0)
  assert.ok(closing && opening)
  const [closed, opened] = [closing, opening].map(({ entries }) => parseEntry(entriesOf(entries)[0] ?? entries))
  assert.deepEqual(closed?.det, { next: 'omo7777/2027', root: hex(closing.prevRoot), size: 2 })
  assert.deepEqual(opened?.det, { closed: 'omo7777/2026', root: hex(closing.root), size: 3 })
  assert.equal(await assertVerifies(batches), 8)
})

test('two writers that cross the year at the same moment close it once and open the next once', async t => {
  const batches = await freshBatches(t)
  const clock = new ShiftedClock(lastMoment)
  const writers = ['one', 'two'].map(instance => writerOn(t, batches, { clock, instance }))
  await Promise.all(writers.map(trail => trail.append([draftOf('omo7777')])))
  clock.set(nextYear)
  const placed = await Promise.all([...writers, ...writers].map(trail => trail.append([draftOf('omo7777')])))
  assert.deepEqual([...new Set(placed.flat().map(({ log }) => log))], ['omo7777/2027'])
  assert.equal(await assertVerifies(batches), 2 + 1 + 1 + 4)
})

test('a clock that goes back, within a year or over it, never takes batch time back', async t => {
  const batches = await freshBatches(t)
  const clock = new ShiftedClock(nextYear)
  const trail = writerOn(t, batches, { clock })
  await trail.append([draftOf('omo7777')])
  clock.set(nextYear - 50)
  await trail.append([draftOf('omo7777')])
  clock.set(lastMoment)
  await trail.append([draftOf('omo7777')])
  const [placed] = await writerOn(t, batches, { clock }).append([draftOf('omo7777')])
  assert.deepEqual([placed?.log, placed?.index], ['omo7777/2027', 3])
  await assertVerifies(batches)
})

test('a year that was closed and not gone on with is gone on with by the next writer', async t => {
  const batches = await freshBatches(t)
  const clock = new ShiftedClock(lastMoment)
  const first = writerOn(t, batches, { clock })
  await first.append([draftOf('omo7777')])
  clock.set(nextYear)
  const closeOnly = {
    insert: (batch: Parameters<typeof batches.insert>[0]) =>
      batch.log.endsWith('2027') ? Promise.reject(new VaultError('storage.full')) : batches.insert(batch),
    find: batches.find.bind(batches),
    tail: batches.tail.bind(batches),
    range: batches.range.bind(batches),
    holding: batches.holding.bind(batches),
    logs: batches.logs.bind(batches),
    ready: batches.ready.bind(batches),
  }
  await assert.rejects(writerOn(t, closeOnly, { clock }).append([draftOf('omo7777')]), { code: 'trail.unavailable' })
  assert.deepEqual(await batches.logs(), ['omo7777/2026'])
  const [placed] = await first.append([draftOf('omo7777')])
  assert.deepEqual([placed?.log, placed?.index], ['omo7777/2027', 1])
  assert.equal(await assertVerifies(batches), 4)
})

test('a stored batch whose root does not follow stops every later append, of every tenant, with one alarm', async t => {
  const batches = await freshBatches(t)
  const log = new KeptLog()
  const trail = writerOn(t, batches, { log })
  await trail.append([draftOf('omo7777')])
  const tail = await batches.tail(`omo7777/${year}`)
  const head = tail && statedHead(tail)
  assert.ok(tail && head)
  const entry = { id: 'x', bytes: Buffer.from('{}'), leaf: Buffer.alloc(32) }
  const { batch } = nextBatch(head, [entry], { inst: 'other', nonce: Buffer.alloc(16), nowMs: tail.timeMs })
  await batches.insert(batch)
  const refused = { code: 'trail.diverged' }
  await assert.rejects(trail.append([draftOf('omo7777')]), refused)
  await assert.rejects(trail.append([draftOf('jnetot')]), refused)
  assert.equal(log.errors.length, 1)
  await assert.rejects(writerOn(t, batches).append([draftOf('omo7777')]), refused)
})

test('a call for two tenants, and one that no batch can hold, is refused and leaves nothing', async t => {
  const batches = await freshBatches(t)
  const trail = writerOn(t, batches)
  await assert.rejects(trail.append([draftOf('omo7777'), draftOf('jnetot')]), { code: 'unexpected' })
  const many = Array.from({ length: 513 }, () => draftOf('omo7777'))
  await assert.rejects(trail.append(many), { code: 'unexpected' })
  assert.deepEqual(await trail.append([]), [])
  assert.deepEqual(await batches.logs(), [])
})

test('beyond its bound the queue refuses at once, and what it took is still answered', async t => {
  const batches = await freshBatches(t)
  const trail = writerOn(t, batches, { clock: new ManualClock(Date.now()) })
  const drafts = Array.from({ length: 500 }, () => draftOf('omo7777'))
  const taken = Array.from({ length: 40 }, () => trail.append(drafts))
  await assert.rejects(trail.append([draftOf('omo7777')]), { code: 'trail.unavailable' })
  assert.equal((await Promise.all(taken)).flat().length, 20_000)
  await trail.append([draftOf('omo7777')])
  assert.equal(await assertVerifies(batches), 20_001)
})

test('closing answers what is under way and refuses what comes after', async t => {
  const batches = await freshBatches(t)
  const trail = writerOn(t, batches)
  const underWay = Array.from({ length: 50 }, () => trail.append([draftOf('omo7777')]))
  const closed = trail.close()
  await assert.rejects(trail.append([draftOf('omo7777')]), { code: 'trail.unavailable' })
  await closed
  await assertStandsOnce(batches, (await Promise.all(underWay)).flat())
})

const hex = (hash: Uint8Array): string => Buffer.from(hash).toString('hex')
