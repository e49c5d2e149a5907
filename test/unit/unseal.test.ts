import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { VaultError } from '../../src/domain/errors.ts'
import type { Grant } from '../../src/domain/grant.ts'
import { sealedFrameBytes as F } from '../../src/guards/frames.ts'
import { readAhead } from '../../src/guards/read-ahead.ts'
import { seal } from '../../src/guards/seal.ts'
import { type Opening, unseal } from '../../src/guards/unseal.ts'
import type { OpenBlob } from '../../src/ports/blobs.ts'
import type { Keyring } from '../../src/ports/keyring.ts'
import { freshKeyring } from '../support/fresh-keyring.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { blobOf, newContext, openSample, sealRandom } from '../support/sealing.ts'

const keyring = await freshKeyring()
const never = new AbortController().signal
const grant = rawGrant as Grant<Opening>

/** The same keyring, with every data key that it gave still in sight. */
function watched(): Pick<Keyring, 'newDataKey' | 'unwrap'> & { readonly given: Uint8Array[] } {
  const given: Uint8Array[] = []
  return {
    given,
    async newDataKey(by, context) {
      const made = await keyring.newDataKey(by, context)
      given.push(made.plaintextKey)
      return made
    },
    async unwrap(by, edks, context) {
      const key = await keyring.unwrap(by, edks, context)
      given.push(key)
      return key
    },
  }
}

/** The same object, counting what is read of it. */
function counted(blob: OpenBlob) {
  const seen = { begun: 0, chunks: 0, ended: 0 }
  const counting: OpenBlob = {
    ...blob,
    async *read(start, end, signal) {
      seen.begun++
      try {
        for await (const chunk of blob.read(start, end, signal)) {
          seen.chunks++
          yield chunk
        }
      } finally {
        seen.ended++
      }
    },
  }
  return { seen, counting }
}

const zeros = new Uint8Array(32)
const isZero = (bytes: Uint8Array): boolean => Buffer.from(bytes).equals(zeros)

test('every data key is wiped once a document is sealed or opened, and when either fails', async () => {
  const watching = watched()
  const sample = await sealRandom(watching, F + 1)
  await openSample(watching, sample)
  const body = Buffer.from(sample.body).fill(0, 100, 110)
  await openSample(watching, { ...sample, body })
  await openSample(watching, { ...sample, document: { ...sample.document, commitKey: '' } })
  const input = { plaintext: null as unknown as Uint8Array, context: newContext() }
  await assert.rejects(seal({ keyring: watching }, rawGrant as Grant<'document.deposit'>, input))
  assert.equal(watching.given.length, 5)
  assert.equal(watching.given.every(isZero), true)
})

test('reading begins before any key is asked for, and goes one chunk ahead of the reader and no further', async () => {
  const sample = await sealRandom(keyring, 20 * F)
  const { seen, counting } = counted(blobOf(sample.body, F + 32))
  await using body = readAhead(counting, sample.document, 0, 20 * F, never)
  assert.equal(seen.begun, 1)
  const { document, edks, context } = sample
  await using bytes = await unseal({ keyring }, grant, { document, edks, context, body })
  let taken = 0
  for await (const piece of bytes) {
    taken += piece.length
    assert.ok(seen.chunks <= Math.ceil(taken / F) + 2, `${seen.chunks} chunks at ${taken} bytes`)
  }
  assert.equal(taken, 20 * F)
  assert.equal(seen.ended, 1)
})

test('a range is fetched by one read of its own frames', async () => {
  const sample = await sealRandom(keyring, 5 * F)
  const asked: [number, number][] = []
  const blob = blobOf(sample.body)
  const noting: OpenBlob = {
    ...blob,
    read(start, end, signal) {
      asked.push([start, end])
      return blob.read(start, end, signal)
    },
  }
  await using body = readAhead(noting, sample.document, F + 1, 3 * F, never)
  const { document, edks, context } = sample
  await using bytes = await unseal({ keyring }, grant, { document, edks, context, body })
  const pieces: Uint8Array[] = []
  for await (const piece of bytes) pieces.push(piece)
  assert.equal(Buffer.concat(pieces).equals(sample.plaintext.subarray(F + 1, 3 * F)), true)
  assert.deepEqual(asked, [[F + 32, 3 * (F + 32)]])
})

test('leaving early ends the read, and nothing more is given', async () => {
  const sample = await sealRandom(keyring, 10 * F)
  const { seen, counting } = counted(blobOf(sample.body, F))
  const { document, edks, context } = sample
  {
    await using body = readAhead(counting, document, 0, 10 * F, never)
    await using bytes = await unseal({ keyring }, grant, { document, edks, context, body })
    for await (const piece of bytes) {
      assert.equal(piece.length > 0, true)
      break
    }
    const [rest] = await Array.fromAsync(bytes)
    assert.equal(rest, undefined)
  }
  assert.equal(seen.ended, 1)
  assert.ok(seen.chunks < 5)
})

test('what is opened and never read is ended by disposing of it', async () => {
  const sample = await sealRandom(keyring, 10 * F)
  const { seen, counting } = counted(blobOf(sample.body, F))
  const { document, edks, context } = sample
  {
    await using body = readAhead(counting, document, 0, 10 * F, never)
    await using bytes = await unseal({ keyring }, grant, { document, edks, context, body })
    assert.ok(bytes)
  }
  assert.equal(seen.ended, 1)
})

test('a read-ahead that nobody asks anything of fails silently and ends its read', async () => {
  const sample = await sealRandom(keyring, F)
  const failing: OpenBlob = {
    ...blobOf(sample.body),
    read: () => ({
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new VaultError('blobs.unavailable')) }),
    }),
  }
  await using body = readAhead(failing, sample.document, 0, F, never)
  await new Promise(resolve => {
    setImmediate(resolve)
  })
  await assert.rejects(body.next(), { code: 'blobs.unavailable' })
})

test('a store that fails midway keeps its own code, and the frame it broke off in is not given', async () => {
  const sample = await sealRandom(keyring, 3 * F)
  const blob = blobOf(sample.body, F)
  const failing: OpenBlob = {
    ...blob,
    async *read(start, end, signal) {
      yield* blob.read(start, end - F, signal)
      throw new VaultError('blobs.unavailable')
    },
  }
  const { document, edks, context } = sample
  await using body = readAhead(failing, document, 0, 3 * F, never)
  await using bytes = await unseal({ keyring }, grant, { document, edks, context, body })
  const pieces: Uint8Array[] = []
  await assert.rejects(
    async () => {
      for await (const piece of bytes) pieces.push(piece)
    },
    { code: 'blobs.unavailable' },
  )
  assert.equal(Buffer.concat(pieces).equals(sample.plaintext.subarray(0, 2 * F)), true)
})

test('an aborted read stops and says so', async () => {
  const sample = await sealRandom(keyring, 10 * F)
  const abort = new AbortController()
  const { document, edks, context } = sample
  await using body = readAhead(blobOf(sample.body, F), document, 0, 10 * F, abort.signal)
  await using bytes = await unseal({ keyring }, grant, { document, edks, context, body })
  let pieces = 0
  await assert.rejects(
    async () => {
      for await (const piece of bytes) {
        pieces += Math.sign(piece.length)
        abort.abort()
      }
    },
    { name: 'AbortError' },
  )
  assert.ok(pieces < 10)
})

test('an object of another size is not even read', async () => {
  const sample = await sealRandom(keyring, 100)
  const { seen, counting } = counted(blobOf(sample.body.subarray(1)))
  const { document, edks, context } = sample
  await using body = readAhead(counting, document, 0, 100, never)
  await assert.rejects(unseal({ keyring }, grant, { document, edks, context, body }), { code: 'seal.broken' })
  assert.equal(seen.begun, 0)
})

test('sealing and opening a large document let other work run in between', async () => {
  const plaintext = randomBytes(15 * 1024 * 1024)
  const turnsDuring = async (work: Promise<unknown>): Promise<number> => {
    let turns = 0
    let busy = true
    const count = (): void => {
      turns++
      if (busy) setImmediate(count)
    }
    setImmediate(count)
    await work.finally(() => {
      busy = false
    })
    return turns
  }
  const sealing = sealRandom(keyring, plaintext.length)
  assert.ok((await turnsDuring(sealing)) > 5)
  assert.ok((await turnsDuring(openSample(keyring, await sealing))) > 5)
})
