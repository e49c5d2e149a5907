import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { canonicalEntry, type Entry, parseEntry } from '../../src/domain/entry.ts'
import type { TenantId } from '../../src/domain/ids.ts'
import { compareLogs, logNamed, logsOf, ownerOf, parseLogName } from '../../src/domain/log-name.ts'
import { bundleOf, entriesOf } from '../../src/guards/entry-bundle.ts'
import { openLogsAfterRestore } from '../../src/guards/log-after-restore.ts'
import { leafHash } from '../../src/guards/merkle.ts'
import { emptyHead, nextBatch } from '../../src/guards/trail-head.ts'
import type { TrailBatches } from '../../src/ports/trail-batches.ts'
import { verifyLogs } from '../../src/trail/verify.ts'
import { AlteredBatches } from '../support/altered-batches.ts'
import { ShiftedClock } from '../support/shifted-clock.ts'
import { assertVerifies, draftOf, freshBatches, KeptLog, writerOn } from '../support/trail-writing.ts'

const tenant = 'omo7777' as TenantId
const year = 'omo7777/2026'

/** A year's log with three entries, and what is needed to go on after a restore. */
async function oneYear(t: TestContext) {
  const batches = await freshBatches(t)
  const clock = new ShiftedClock(Date.UTC(2026, 5, 1))
  const trail = writerOn(t, batches, { clock })
  await trail.append([draftOf(tenant), draftOf(tenant)])
  await trail.append([draftOf(tenant)])
  await trail.close()
  return { batches, clock, placing: { batches, clock, log: new KeptLog(), instance: 'restorer' } }
}

async function firstEntry(batches: TrailBatches, log: string): Promise<Entry> {
  const batch = await batches.find(log, 0)
  const [bytes] = batch ? entriesOf(batch.entries) : []
  assert.ok(bytes)
  return parseEntry(bytes)
}

test('names of logs are read and written, and ordered by year and then by number', () => {
  const names = ['omo7777/2026', 'omo7777/2026.1', 'omo7777/2026.2', 'omo7777/2026.10', 'omo7777/2027']
  assert.deepEqual(names.toReversed().toSorted(compareLogs), names)
  for (const name of names) {
    const parsed = parseLogName(name)
    assert.ok(parsed)
    assert.equal(logNamed(parsed), name)
    assert.equal(ownerOf(name), tenant)
  }
  const all = ['_vault/2026.1', ...names.toReversed(), 'omo77777/2026', 'x']
  assert.deepEqual(logsOf(all, tenant), names)
  assert.deepEqual(logsOf(all, undefined), ['_vault/2026.1'])
  for (const none of ['omo7777/2026.0', 'omo7777/2026.01', 'omo7777/2026.', 'omo7777/2026.x', 'omo7777/2026.10000']) {
    assert.equal(parseLogName(none), undefined, none)
    assert.equal(ownerOf(none), none)
  }
})

test('a trail that lost its end goes on in a new log, which says where the old one was taken up', async t => {
  const { batches, clock, placing } = await oneYear(t)
  const opened = await openLogsAfterRestore(placing, [undefined, tenant], [year])
  assert.deepEqual(opened, ['_vault/2026.1', `${year}.1`])
  const { act, why, det } = await firstEntry(batches, `${year}.1`)
  const root = Buffer.from((await batches.tail(year))?.root ?? []).toString('hex')
  assert.deepEqual([act, why, det], ['log.opened', 'restored', { closed: year, root, size: 3 }])
  assert.deepEqual((await firstEntry(batches, '_vault/2026.1')).det, {}, 'it followed nothing')
  const [placed] = await writerOn(t, batches, { clock }).append([draftOf(tenant)])
  assert.deepEqual([placed?.log, placed?.index], [`${year}.1`, 1])
  assert.equal((await batches.tail(year))?.seq, 1, 'the old log is left as it is')
  await assertVerifies(batches)
})

test('opening the logs again opens nothing, and a second loss opens the next', async t => {
  const { batches, clock, placing } = await oneYear(t)
  await openLogsAfterRestore(placing, [tenant], [year])
  assert.deepEqual(await openLogsAfterRestore(placing, [undefined, tenant], [year]), ['_vault/2026.1'])
  assert.deepEqual(await openLogsAfterRestore(placing, [undefined, tenant], [year]), [])
  for (let n = 1; n < 11; n++) await openLogsAfterRestore(placing, [tenant], [`${year}.${n}`])
  const [placed] = await writerOn(t, batches, { clock }).append([draftOf(tenant)])
  assert.equal(placed?.log, `${year}.11`)
  await assertVerifies(batches)
})

test('a number that only the list knows of is not taken again', async t => {
  const { placing } = await oneYear(t)
  const lost = [year, `${year}.3`, 'jnetot/2026.5']
  assert.deepEqual(await openLogsAfterRestore(placing, [tenant], lost), [`${year}.6`])
})

test('the year after closes the new log and not the old one', async t => {
  const { batches, clock, placing } = await oneYear(t)
  await openLogsAfterRestore(placing, [tenant], [year])
  const trail = writerOn(t, batches, { clock })
  await trail.append([draftOf(tenant)])
  clock.set(Date.UTC(2027, 0, 1, 0, 0, 1))
  const [placed] = await trail.append([draftOf(tenant)])
  assert.equal(placed?.log, 'omo7777/2027')
  assert.equal((await firstEntry(batches, 'omo7777/2027')).det?.closed, `${year}.1`)
  await assertVerifies(batches)
})

test('a log whose lost end was in a later year than the clock says is named for that year and lies in it', async t => {
  const { batches, placing } = await oneYear(t)
  assert.deepEqual(await openLogsAfterRestore(placing, [tenant], ['omo7777/2027']), ['omo7777/2027.1'])
  await assertVerifies(batches)
})

test('a new log that does not say the truth about the old one is noticed', async t => {
  const { batches, placing } = await oneYear(t)
  await openLogsAfterRestore(placing, [tenant], [year])
  const opening = await firstEntry(batches, `${year}.1`)
  const problemsWith = async (change: Partial<Entry>): Promise<readonly string[]> => {
    const bytes = canonicalEntry({ ...opening, ...change })
    const altered = new AlteredBatches(batches, batch => {
      if (batch.log !== `${year}.1`) return batch
      const { timeMs, inst, nonce } = batch
      const { batch: forged } = nextBatch(
        emptyHead(batch.log, timeMs),
        [{ id: opening.id, bytes, leaf: leafHash(bytes) }],
        {
          inst,
          nonce,
          nowMs: timeMs,
        },
      )
      return { ...forged, entries: bundleOf([bytes]) }
    })
    return (await verifyLogs(altered)).flatMap(({ problems }) => problems.map(({ problem }) => problem))
  }
  assert.deepEqual(await problemsWith({}), [])
  assert.deepEqual(await problemsWith({ det: { ...opening.det, size: 2 } }), ['link.year-before-differs'])
  assert.deepEqual(await problemsWith({ det: { ...opening.det, root: '00'.repeat(32) } }), ['link.year-before-differs'])
  assert.deepEqual(await problemsWith({ det: { ...opening.det, closed: 'omo7777/2025' } }), [
    'link.year-before-missing',
  ])
  assert.deepEqual(await problemsWith({ det: {} }), ['link.year-before-missing'])
  assert.deepEqual(await problemsWith({ why: 'year' }), ['link.misplaced'])
  assert.deepEqual(await problemsWith({ act: 'document.deposit' }), ['link.not-opened'])
})
