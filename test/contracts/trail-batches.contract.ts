import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import type { TrailBatch, TrailBatches } from '../../src/ports/trail-batches.ts'

/** A batch of `n` entries with random roots: the store looks at none of it. */
export function aBatch(over: Partial<TrailBatch> = {}): TrailBatch {
  return {
    log: 'acme/2026',
    seq: 0,
    first: 0,
    n: 1,
    prevRoot: randomBytes(32),
    root: randomBytes(32),
    frontier: randomBytes(96),
    entries: randomBytes(600),
    inst: 'i-1',
    nonce: randomBytes(16),
    timeMs: 1_790_000_000_000,
    ...over,
  }
}

/** Same members, same bytes, whichever class of byte array the store answers with. */
export function sameBatch(actual: TrailBatch | undefined, expected: TrailBatch): void {
  assert.ok(actual, 'there is a batch')
  const plain = (batch: TrailBatch) =>
    Object.fromEntries(
      Object.entries(batch).map(([name, value]) => [
        name,
        value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
      ]),
    )
  assert.deepEqual(plain(actual), plain(expected))
}

/** What every TrailBatches promises; `open` gives an empty store. */
export function trailBatchesContract(
  backing: string,
  open: (t: TestContext) => Promise<TrailBatches>,
  skip: string | false = false,
): void {
  const promise = (title: string, run: (batches: TrailBatches) => Promise<void>) =>
    test(`${backing}: ${title}`, { skip }, async t => run(await open(t)))

  promise('a batch is found again byte by byte', async batches => {
    const batch = aBatch()
    assert.equal(await batches.insert(batch), 'inserted')
    sameBatch(await batches.find(batch.log, 0), batch)
    sameBatch(await batches.tail(batch.log), batch)
  })

  promise('what was never inserted is absent everywhere', async batches => {
    assert.equal(await batches.find('acme/2026', 0), undefined)
    assert.equal(await batches.tail('acme/2026'), undefined)
    assert.equal(await batches.holding('acme/2026', 0), undefined)
    assert.deepEqual(await batches.range('acme/2026', 0, 10), [])
    assert.deepEqual(await batches.logs(), [])
  })

  promise('a number is taken once, by its own writer too, and the first batch stays', async batches => {
    const first = aBatch()
    assert.equal(await batches.insert(first), 'inserted')
    assert.equal(await batches.insert(aBatch()), 'taken')
    assert.equal(await batches.insert(first), 'taken')
    sameBatch(await batches.find(first.log, 0), first)
  })

  promise('of writers that race for a number exactly one wins', async batches => {
    const racers = Array.from({ length: 16 }, (_, i) => aBatch({ inst: `i-${i}` }))
    const results = await Promise.all(racers.map(batch => batches.insert(batch)))
    assert.equal(results.filter(result => result === 'inserted').length, 1)
    const winner = racers[results.indexOf('inserted')]
    assert.ok(winner)
    sameBatch(await batches.find('acme/2026', 0), winner)
  })

  promise('a batch of 512 entries and a mebibyte survives, and the writer keeps its buffers', async batches => {
    const entries = randomBytes(1024 * 1024)
    const copy = Buffer.from(entries)
    const batch = aBatch({ n: 512, entries })
    await batches.insert(batch)
    assert.ok(entries.equals(copy), 'the buffer of the caller was not emptied')
    sameBatch(await batches.find(batch.log, 0), { ...batch, entries: copy })
  })

  promise('views into a larger buffer are stored as the bytes that they show', async batches => {
    const large = randomBytes(256 * 1024)
    const batch = aBatch({ root: large.subarray(100, 132), entries: large.subarray(1_000, 41_000) })
    await batches.insert(batch)
    sameBatch(await batches.find(batch.log, 0), batch)
  })

  promise('a range ascends from its first number and ends at its limit', async batches => {
    for (const seq of [2, 0, 10, 1, 9]) await batches.insert(aBatch({ seq, first: seq }))
    const seqs = async (from: number, limit: number) =>
      (await batches.range('acme/2026', from, limit)).map(batch => batch.seq)
    assert.deepEqual(await seqs(0, 100), [0, 1, 2, 9, 10])
    assert.deepEqual(await seqs(1, 3), [1, 2, 9])
    assert.deepEqual(await seqs(11, 3), [])
    assert.equal((await batches.tail('acme/2026'))?.seq, 10)
  })

  promise('the batch that holds an entry is found by first and count', async batches => {
    await batches.insert(aBatch({ seq: 0, first: 0, n: 3 }))
    await batches.insert(aBatch({ seq: 1, first: 3, n: 1 }))
    await batches.insert(aBatch({ seq: 2, first: 4, n: 512 }))
    const seqHolding = async (index: number) => (await batches.holding('acme/2026', index))?.seq
    assert.deepEqual(await Promise.all([0, 2, 3, 4, 515].map(seqHolding)), [0, 0, 1, 2, 2])
    assert.equal(await seqHolding(516), undefined)
  })

  promise('logs are strangers to each other and listed in ascending order', async batches => {
    for (const log of ['b/2026', 'a/2027', '_vault/2026', 'a/2026']) await batches.insert(aBatch({ log }))
    await batches.insert(aBatch({ log: 'a/2026', seq: 1, first: 1 }))
    assert.deepEqual(await batches.logs(), ['_vault/2026', 'a/2026', 'a/2027', 'b/2026'])
    assert.equal(await batches.find('b/2026', 1), undefined)
    assert.equal((await batches.range('a/2027', 0, 10)).length, 1)
    assert.equal((await batches.tail('a/2027'))?.seq, 0)
    assert.equal(await batches.holding('a/2027', 1), undefined)
  })

  promise('asking whether it is ready leaves no batch behind', async batches => {
    await batches.ready()
    await batches.ready()
    assert.deepEqual(await batches.logs(), [])
  })
}
