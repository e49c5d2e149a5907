import assert from 'node:assert/strict'
import { before, describe, type TestContext, test } from 'node:test'
import { canonicalJson } from '../../src/domain/canonical.ts'
import { completeEntry } from '../../src/domain/entry.ts'
import { bundleOf, entriesOf } from '../../src/guards/entry-bundle.ts'
import { leafHash } from '../../src/guards/merkle.ts'
import { emptyHead, follow, nextBatch, type SealedEntry } from '../../src/guards/trail-head.ts'
import { newUuid7 } from '../../src/guards/uuid7.ts'
import type { TrailBatch, TrailBatches } from '../../src/ports/trail-batches.ts'
import { verifyLog, verifyLogs } from '../../src/trail/verify.ts'
import { type Alter, AlteredBatches } from '../support/altered-batches.ts'
import { ShiftedClock } from '../support/shifted-clock.ts'
import { assertVerifies, draftOf, freshBatches, writerOn } from '../support/trail-writing.ts'

const [old, young] = ['omo7777/2026', 'omo7777/2027']
const intent = draftOf('omo7777', { act: 'document.open.original', out: 'allow' })
const outcomeOf = (id: string | undefined) => draftOf('omo7777', { out: 'done', ...(id ? { of: id } : {}) })

/** Five batches of the old year (one entry, then three, one, one, and the closing one) and two of the young. */
async function twoYears(t: TestContext) {
  const batches = await freshBatches(t)
  const clock = new ShiftedClock(Date.UTC(2026, 11, 31, 23, 59, 50))
  const trail = writerOn(t, batches, { clock })
  await trail.append([draftOf('omo7777')])
  await trail.append([intent, intent, draftOf('omo7777')])
  const [settledLater] = await trail.append([intent])
  await trail.append([draftOf('omo7777')])
  clock.set(Date.UTC(2027, 0, 1, 0, 0, 1))
  const [lost] = await trail.append([outcomeOf(settledLater?.id), intent])
  return { batches, settledLater, lost }
}

const flip = (bytes: Uint8Array, at: number): Uint8Array =>
  Buffer.from(bytes).map((byte, i) => (i === at ? byte ^ 1 : byte))
const at =
  (log: string, seq: number, change: (batch: TrailBatch) => Partial<TrailBatch> | undefined): Alter =>
  batch => {
    if (batch.log !== log || batch.seq !== seq) return batch
    const over = change(batch)
    return over && { ...batch, ...over }
  }

async function problemsOf(batches: TrailBatches): Promise<readonly string[]> {
  const reports = await verifyLogs(batches)
  return reports.flatMap(({ problems }) =>
    problems.map(({ log, seq, problem }) => `${problem} ${log.slice(-4)} ${seq}`),
  )
}

test('two whole years verify, and only intents without an outcome in either are open', async t => {
  const { batches } = await twoYears(t)
  assert.equal(await assertVerifies(batches), 7 + 3)
  const [first, second] = await verifyLogs(batches)
  assert.deepEqual(
    [first?.openGrants, second?.openGrants.map(({ log, index }) => `${log} ${index}`)],
    [[], [`${old} 1`, `${old} 2`, `${young} 2`]],
  )
  const alone = await verifyLog(batches, old)
  assert.equal(alone.openGrants.length, 3)
  assert.ok(alone.openGrants.every(({ atMs, act }) => new Date(atMs).getUTCFullYear() === 2026 && act === intent.act))
  const tail = await batches.tail(old)
  assert.deepEqual([alone.root, alone.batches], [tail && Buffer.from(tail.root).toString('hex'), 5])
})

const damages: readonly { readonly what: string; readonly alter: Alter; readonly found: readonly string[] }[] = [
  {
    what: 'a bit of a root',
    alter: at(old, 1, b => ({ root: flip(b.root, 0) })),
    found: ['batch.root 2026 1', 'batch.previous-root 2026 2'],
  },
  {
    what: 'a bit of the root before',
    alter: at(old, 2, b => ({ prevRoot: flip(b.prevRoot, 31) })),
    found: ['batch.previous-root 2026 2'],
  },
  {
    what: 'a root that is too short',
    alter: at(old, 3, b => ({ root: b.root.subarray(1) })),
    found: ['batch.root 2026 3', 'batch.previous-root 2026 4'],
  },
  {
    what: 'a frontier that is too short',
    alter: at(old, 1, b => ({ frontier: b.frontier.subarray(32) })),
    found: ['batch.frontier 2026 1'],
  },
  {
    what: 'a number of entries',
    alter: at(old, 1, () => ({ n: 4 })),
    found: ['batch.count 2026 1', 'batch.frontier 2026 1'],
  },
  {
    what: 'a first index',
    alter: at(old, 3, b => ({ first: b.first + 1 })),
    found: ['batch.first 2026 3', 'batch.frontier 2026 3'],
  },
  {
    what: 'a batch time that goes back',
    alter: at(old, 2, b => ({ timeMs: b.timeMs - 60_000 })),
    found: ['batch.time 2026 2'],
  },
  {
    what: 'a batch time of another year',
    alter: at(young, 1, b => ({ timeMs: b.timeMs + 400 * 86_400_000 })),
    found: ['batch.year 2027 1'],
  },
  {
    what: 'a batch that is cut short',
    alter: at(old, 1, b => ({ entries: b.entries.subarray(0, -1) })),
    found: ['batch.bundle 2026 1', 'batch.frontier 2026 1', 'batch.root 2026 1'],
  },
  {
    what: 'the missing last batch of a year',
    alter: at(old, 4, () => undefined),
    found: ['link.not-closed 2026 3', 'link.year-before-differs 2027 0'],
  },
  {
    what: 'a missing first year',
    alter: b => (b.log === old ? undefined : b),
    found: ['link.year-before-missing 2027 0'],
  },
]

for (const { what, alter, found } of damages) {
  test(`verifying names ${what} and the batch where it is`, async t => {
    const { batches } = await twoYears(t)
    const problems = await problemsOf(new AlteredBatches(batches, alter))
    for (const expected of found) assert.ok(problems.includes(expected), `${expected} not in ${problems.join(', ')}`)
    assert.ok(problems.length <= found.length + 2, problems.join(', '))
  })
}

test('a missing batch in the middle is found where it is missing', async t => {
  const { batches } = await twoYears(t)
  const problems = await problemsOf(
    new AlteredBatches(
      batches,
      at(old, 2, () => undefined),
    ),
  )
  assert.ok(problems.includes('batch.sequence 2026 3'), problems.join(', '))
})

test('no single bit of what is stored of an entry can change unnoticed', async t => {
  const { batches } = await twoYears(t)
  const stored = await batches.find(old, 1)
  assert.ok(stored)
  for (let bit = 0; bit < stored.entries.length; bit += 7) {
    const problems = await problemsOf(
      new AlteredBatches(
        batches,
        at(old, 1, b => ({ entries: flip(b.entries, bit) })),
      ),
    )
    assert.ok(problems.length > 0, `byte ${bit}`)
  }
})

test('entries exchanged between two places are found by the root', async t => {
  const { batches } = await twoYears(t)
  const swapped = at(old, 1, b => ({ entries: bundleOf(entriesOf(b.entries).toReversed()) }))
  assert.ok((await problemsOf(new AlteredBatches(batches, swapped))).includes('batch.root 2026 1'))
})

describe('entries that a rewritten log could hold under true roots', () => {
  const timeMs = Date.UTC(2026, 5, 1)
  const sealed = (text: string): SealedEntry => ({
    id: '',
    bytes: Buffer.from(text),
    leaf: leafHash(Buffer.from(text)),
  })
  let good = ''
  before(() => {
    good = canonicalJson(completeEntry(draftOf('omo7777'), newUuid7(), timeMs, 'one'))
  })

  const odd: readonly [string, (text: string) => string][] = [
    ['entry.not-canonical', text => text.replace(',', ', ')],
    ['entry.not-canonical', text => text.replace('{', '{"act":"x",')],
    ['entry.malformed', text => text.replace('"v":1', '"v":2')],
    ['entry.malformed', text => text.slice(0, -1)],
    ['entry.too-long', text => text.replace('"v":1', `"v":1,"x":"${'x'.repeat(8_192)}"`)],
    ['entry.tenant', text => text.replace('"ten":"omo7777"', '"ten":"jnetot"')],
    ['entry.tenant', text => text.replace('"ten":"omo7777",', '')],
    ['link.misplaced', text => text.replace('"act":"document.describe"', '"act":"log.opened"')],
    ['link.misplaced', text => text.replace('"act":"document.describe"', '"act":"log.closed"')],
  ]
  for (const [problem, spoil] of odd) {
    test(`${problem} is found at its index`, async t => {
      const batches = await freshBatches(t)
      const entries = [good, spoil(good), good].map(sealed)
      const by = { inst: 'one', nonce: Buffer.alloc(16), nowMs: timeMs }
      await batches.insert(nextBatch(emptyHead(old, 0), entries, by).batch)
      const { problems } = await verifyLog(batches, old)
      assert.deepEqual(problems, [{ log: old, seq: 0, index: 1, problem }])
    })
  }

  test('a batch after the closing one is found', async t => {
    const { batches } = await twoYears(t)
    const tail = await batches.tail(old)
    const beforeTail = await batches.find(old, 3)
    assert.ok(tail && beforeTail)
    const head = follow({ ...emptyHead(old, 0), seq: 3, size: tail.first, root: tail.prevRoot }, tail).after
    const by = { inst: 'one', nonce: Buffer.alloc(16), nowMs: tail.timeMs }
    await batches.insert(nextBatch(head, [sealed(good)], by).batch)
    assert.ok((await problemsOf(batches)).includes('batch.after-close 2026 5'))
  })
})

test('verifying tells how far it is and stops when it is told to', async t => {
  const { batches } = await twoYears(t)
  const told: string[] = []
  await verifyLog(batches, old, { onProgress: (log, entries) => told.push(`${log} ${entries}`) })
  assert.equal(told.at(-1), `${old} 7`)
  await assert.rejects(verifyLog(batches, old, { signal: AbortSignal.abort(new Error('enough')) }), /enough/)
})
