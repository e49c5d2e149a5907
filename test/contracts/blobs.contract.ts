import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { blobKeyOf } from '../../src/domain/document.ts'
import type { MessageId } from '../../src/domain/ids.ts'
import type { BlobFacts, Blobs } from '../../src/ports/blobs.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { refused } from '../support/refused.ts'

export interface BlobsFixture extends AsyncDisposable {
  readonly blobs: Blobs
}

const never = new AbortController().signal
const newKey = (): string => blobKeyOf(randomBytes(32).toString('hex') as MessageId)

/** What every adapter of the port `Blobs` keeps. */
export function blobsContract(name: string, open: () => Promise<BlobsFixture>, skip: string | false = false): void {
  suite(`blobs: ${name}`, { skip }, () => {
    test('what was put is read back, whole and in any range', async () => {
      await using fixture = await open()
      const key = newKey()
      const bytes = randomBytes(1_000_003)
      await fixture.blobs.put(rawGrant, key, split(bytes, 65_568), never)
      await using blob = await fixture.blobs.open(key)
      assert.equal(blob.sizeBytes, bytes.length)
      await fc.assert(
        fc.asyncProperty(fc.nat(bytes.length), fc.nat(bytes.length), async (a, b) => {
          const [start, end] = a < b ? [a, b] : [b, a]
          const read = await collect(blob.read(start, end, never))
          assert.ok(read.equals(bytes.subarray(start, end)), `range ${start} to ${end}`)
        }),
        {
          numRuns: 40,
          examples: [
            [0, bytes.length],
            [0, 0],
            [bytes.length - 1, bytes.length],
          ],
        },
      )
    })

    test('chunks may be kept: the next one does not overwrite them', async () => {
      await using fixture = await open()
      const key = newKey()
      const bytes = randomBytes(2_000_000)
      await fixture.blobs.put(rawGrant, key, [bytes], never)
      await using blob = await fixture.blobs.open(key)
      const chunks = await Array.fromAsync(blob.read(0, bytes.length, never))
      assert.ok(Buffer.concat(chunks).equals(bytes))
    })

    test('an empty blob and a blob of many small parts are kept as they are', async () => {
      await using fixture = await open()
      const [empty, many] = [newKey(), newKey()]
      const parts = Array.from({ length: 3_000 }, (_, at) => Buffer.from([at % 251]))
      await fixture.blobs.put(rawGrant, empty, [], never)
      await fixture.blobs.put(rawGrant, many, parts, never)
      await using emptyBlob = await fixture.blobs.open(empty)
      await using manyBlob = await fixture.blobs.open(many)
      assert.equal(emptyBlob.sizeBytes, 0)
      assert.ok((await collect(manyBlob.read(0, 3_000, never))).equals(Buffer.concat(parts)))
    })

    test('a key is put once: the second put is refused and changes nothing', async () => {
      await using fixture = await open()
      const key = newKey()
      await fixture.blobs.put(rawGrant, key, [Buffer.from('first')], never)
      await refused(fixture.blobs.put(rawGrant, key, [Buffer.from('second')], never), 'blobs.exists')
      await using blob = await fixture.blobs.open(key)
      assert.equal((await collect(blob.read(0, 5, never))).toString(), 'first')
    })

    test('of racers for one key exactly one wins, and its bytes are the ones kept', async () => {
      await using fixture = await open()
      const key = newKey()
      const bodies = Array.from({ length: 8 }, (_, at) => Buffer.alloc(200_000, at))
      const results = await Promise.allSettled(bodies.map(body => fixture.blobs.put(rawGrant, key, [body], never)))
      const winner = results.findIndex(result => result.status === 'fulfilled')
      assert.equal(results.filter(result => result.status === 'fulfilled').length, 1)
      await using blob = await fixture.blobs.open(key)
      const kept = await collect(blob.read(0, 200_000, never))
      assert.ok(bodies[winner] && kept.equals(bodies[winner]))
    })

    test('an aborted put rejects with the reason of the abort and leaves nothing under the key', async () => {
      await using fixture = await open()
      const [before, midway] = [newKey(), newKey()]
      const reason = new Error('the client is gone')
      await assert.rejects(
        fixture.blobs.put(rawGrant, before, [randomBytes(10)], AbortSignal.abort(reason)),
        error => error === reason,
      )
      const abort = new AbortController()
      const putting = fixture.blobs.put(rawGrant, midway, [randomBytes(8_000_000)], abort.signal)
      abort.abort(reason)
      await assert.rejects(putting, error => error === reason)
      for (const key of [before, midway]) await refused(fixture.blobs.open(key), 'blobs.missing')
      assert.deepEqual(await Array.fromAsync(fixture.blobs.list(Number.MAX_SAFE_INTEGER)), [])
    })

    test('after an aborted put the key can be put again', async () => {
      await using fixture = await open()
      const key = newKey()
      const abort = new AbortController()
      const putting = fixture.blobs.put(rawGrant, key, [randomBytes(1_000)], abort.signal)
      abort.abort(new Error('gone'))
      await assert.rejects(putting)
      await fixture.blobs.put(rawGrant, key, [Buffer.from('again')], never)
      await using blob = await fixture.blobs.open(key)
      assert.equal(blob.sizeBytes, 5)
    })

    test('an aborted read stops with the reason of the abort', async () => {
      await using fixture = await open()
      const key = newKey()
      await fixture.blobs.put(rawGrant, key, [randomBytes(1_000_000)], never)
      await using blob = await fixture.blobs.open(key)
      const abort = new AbortController()
      const reason = new Error('enough')
      const chunks = blob.read(0, blob.sizeBytes, abort.signal)[Symbol.asyncIterator]()
      await chunks.next()
      abort.abort(reason)
      await assert.rejects(chunks.next(), error => error === reason)
    })

    test('a read beyond the end fails instead of ending early', async () => {
      await using fixture = await open()
      const key = newKey()
      await fixture.blobs.put(rawGrant, key, [randomBytes(100)], never)
      await using blob = await fixture.blobs.open(key)
      await refused(collect(blob.read(50, 101, never)), 'blobs.unavailable')
    })

    test('a blob that is not there is missing, and deleting it is success', async () => {
      await using fixture = await open()
      const key = newKey()
      await refused(fixture.blobs.open(key), 'blobs.missing')
      await fixture.blobs.delete(rawGrant, key)
    })

    test('a deleted blob is gone, and deleting it again is success', async () => {
      await using fixture = await open()
      const [gone, kept] = [newKey(), newKey()]
      for (const key of [gone, kept]) await fixture.blobs.put(rawGrant, key, [randomBytes(10)], never)
      await fixture.blobs.delete(rawGrant, gone)
      await fixture.blobs.delete(rawGrant, gone)
      await refused(fixture.blobs.open(gone), 'blobs.missing')
      assert.deepEqual(
        (await listed(fixture.blobs)).map(({ key }) => key),
        [kept],
      )
    })

    test('many are deleted at once, those that are not there included, and no other', async () => {
      await using fixture = await open()
      const [kept, ...gone] = Array.from({ length: 40 }, newKey)
      assert.ok(kept)
      for (const key of [kept, ...gone]) await fixture.blobs.put(rawGrant, key, [randomBytes(10)], never)
      await fixture.blobs.deleteAll(rawGrant, [...gone, newKey()])
      await fixture.blobs.deleteAll(rawGrant, gone.slice(0, 3))
      await fixture.blobs.deleteAll(rawGrant, [])
      assert.deepEqual(
        (await listed(fixture.blobs)).map(({ key }) => key),
        [kept],
      )
      await refused(fixture.blobs.deleteAll(rawGrant, [kept, '../escape']), 'unexpected')
      await using there = await fixture.blobs.open(kept)
      assert.equal(there.sizeBytes, 10)
    })

    test('the list holds every blob once, with its size, and none that is newer than asked for', async () => {
      await using fixture = await open()
      const keys = Array.from({ length: 20 }, newKey)
      await Promise.all(keys.map((key, at) => fixture.blobs.put(rawGrant, key, [Buffer.alloc(at)], never)))
      const found = await listed(fixture.blobs)
      assert.deepEqual(found.map(({ key }) => key).sort(), [...keys].sort())
      for (const { key, sizeBytes } of found) assert.equal(sizeBytes, keys.indexOf(key))
      const oldest = Math.min(...found.map(({ modifiedAtMs }) => modifiedAtMs))
      assert.deepEqual(await Array.fromAsync(fixture.blobs.list(oldest)), [])
    })

    test('a name that is no blob key is refused by every call', async () => {
      await using fixture = await open()
      const good = newKey()
      const bad = [
        '',
        '../../x',
        `${good}/..`,
        good.toUpperCase(),
        `v1/zz/${'0'.repeat(64)}`,
        `v1/ab/${'0'.repeat(64)}`,
        `/${good}`,
      ]
      for (const key of bad) {
        await refused(fixture.blobs.open(key), 'unexpected')
        await refused(fixture.blobs.put(rawGrant, key, [], never), 'unexpected')
        await refused(fixture.blobs.delete(rawGrant, key), 'unexpected')
      }
    })

    test('it is ready while a put could be made', async () => {
      await using fixture = await open()
      await fixture.blobs.ready()
    })
  })
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks))
}

const listed = (blobs: Blobs): Promise<BlobFacts[]> => Array.fromAsync(blobs.list(Number.MAX_SAFE_INTEGER))

function split(bytes: Buffer, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size))
}
