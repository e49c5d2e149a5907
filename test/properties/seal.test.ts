import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import test from 'node:test'
import fc from 'fast-check'
import { VaultError } from '../../src/domain/errors.ts'
import { bodyBytesOf, sealedFrameBytes as F, frameOffset, layoutOf } from '../../src/guards/frames.ts'
import { freshKeyring } from '../support/fresh-keyring.ts'
import { openSample, type SealedSample, sealRandom, sealSample } from '../support/sealing.ts'

const keyring = await freshKeyring()

/** What was released is true, and something stopped the rest with `code`. */
function assertBroken(
  sample: SealedSample,
  { released, failure }: Awaited<ReturnType<typeof openSample>>,
  what: string,
  code = 'seal.broken',
): void {
  assert.ok(failure instanceof VaultError, `${what}: nothing stopped it`)
  assert.equal(failure.code, code, what)
  const start = Buffer.from(sample.plaintext).subarray(0, released.length)
  assert.equal(released.equals(start), true, `${what}: released what was not sealed`)
}

test('any range of any document is the slice of its plaintext, whatever the chunks it is read in', async () => {
  const size = fc.oneof(fc.nat(200), fc.nat(4 * F), fc.constantFrom(0, 1, F - 1, F, F + 1, 2 * F - 1, 2 * F, 2 * F + 1))
  await fc.assert(
    fc.asyncProperty(size, fc.nat(), fc.nat(), fc.integer({ min: 1, max: 300_000 }), async (bytes, a, b, chunk) => {
      const sample = await sealRandom(keyring, bytes)
      const [start, end] = [a % (bytes + 1), b % (bytes + 1)].sort((x, y) => x - y) as [number, number]
      const chunkBytes = Math.max(chunk, Math.ceil(sample.body.length / 2_000))
      const { released, failure } = await openSample(keyring, sample, { start, end, chunkBytes })
      assert.equal(failure, undefined)
      assert.equal(released.equals(sample.plaintext.subarray(start, end)), true)
    }),
    { numRuns: 150 },
  )
})

test('every single byte and every whole frame can be read alone', async () => {
  const bytes = 2 * F + 3
  const sample = await sealRandom(keyring, bytes)
  for (const start of [0, 1, F - 1, F, F + 1, 2 * F - 1, 2 * F, 2 * F + 2]) {
    for (const end of [start + 1, Math.min(start + F, bytes), bytes]) {
      const { released } = await openSample(keyring, sample, { start, end })
      assert.equal(released.equals(sample.plaintext.subarray(start, end)), true, `${start} to ${end}`)
    }
  }
})

test('a body with any one bit flipped gives not one byte', async () => {
  for (const bytes of [0, 1, 23]) {
    const sample = await sealRandom(keyring, bytes)
    for (let bit = 0; bit < sample.body.length * 8; bit++) {
      const body = Buffer.from(sample.body)
      body[bit >> 3] = (body[bit >> 3] as number) ^ (1 << (bit & 7))
      const answer = await openSample(keyring, { ...sample, body }, { chunkBytes: 1 + (bit % 64) })
      assertBroken(sample, answer, `bit ${bit}`)
      assert.equal(answer.released.length, 0)
    }
  }
})

test('a flipped bit anywhere in a long body stops it before the frame that holds it', async () => {
  const sample = await sealRandom(keyring, 3 * F + 100)
  await fc.assert(
    fc.asyncProperty(
      fc.nat(sample.body.length * 8 - 1),
      fc.integer({ min: 100, max: 300_000 }),
      async (bit, chunkBytes) => {
        const body = Buffer.from(sample.body)
        body[bit >> 3] = (body[bit >> 3] as number) ^ (1 << (bit & 7))
        const answer = await openSample(keyring, { ...sample, body }, { chunkBytes })
        assertBroken(sample, answer, `bit ${bit}`)
        assert.equal(answer.released.length, Math.min(Math.floor((bit >> 3) / (F + 32)), 3) * F)
      },
    ),
    { numRuns: 200 },
  )
})

/** The frames of a body, one by one. */
function framesIn(sample: SealedSample): readonly Buffer[] {
  const layout = layoutOf(sample.document.plaintextBytes, F)
  return Array.from({ length: layout.frames }, (_, at) => {
    const end = at + 1 === layout.frames ? bodyBytesOf(layout) : frameOffset(layout, at + 2)
    return sample.body.subarray(frameOffset(layout, at + 1), end)
  })
}

test('frames that were truncated, swapped, duplicated, dropped or extended are refused', async () => {
  const sample = await sealRandom(keyring, 4 * F)
  const frames = framesIn(sample)
  const damaged: [string, readonly Buffer[]][] = []
  for (const [at, frame] of frames.entries()) {
    const others = (put: readonly Buffer[]) => frames.toSpliced(at, 1, ...put)
    for (const cut of [1, 16, 17, frame.length - 1]) damaged.push([`${at} cut`, others([frame.subarray(0, -cut)])])
    damaged.push([`${at} dropped`, others([])])
    damaged.push([`${at} duplicated`, others([frame, frame])])
    damaged.push([`${at} extended`, others([frame, randomBytes(32)])])
    damaged.push([`${at} extended by a byte`, others([frame, Buffer.alloc(1)])])
    for (const [to, other] of frames.entries()) {
      if (to > at) damaged.push([`${at} and ${to} swapped`, frames.with(at, other).with(to, frame)])
      if (to !== at) damaged.push([`${at} replaced by ${to}`, frames.with(at, other)])
    }
  }
  for (const [what, parts] of damaged) {
    const body = Buffer.concat(parts)
    assertBroken(sample, await openSample(keyring, { ...sample, body }), what)
  }
})

test('a body cut to whole frames is refused even where the record is changed to agree', async () => {
  const sample = await sealRandom(keyring, 3 * F)
  const [first, second] = framesIn(sample)
  assert.ok(first && second)
  const last = Buffer.concat([Buffer.from('ffffffff', 'hex'), second.subarray(0, 16), Buffer.from('00010000', 'hex')])
  const body = Buffer.concat([first, last, second.subarray(16)])
  const document = { ...sample.document, plaintextBytes: 2 * F }
  const answer = await openSample(keyring, { ...sample, document, body })
  assertBroken(sample, answer, 'an earlier frame made the last')
  assert.equal(answer.released.length, F)
})

test('a record that lies about sizes is refused', async () => {
  const sample = await sealRandom(keyring, 100)
  for (const plaintextBytes of [0, 99, 101, F]) {
    const document = { ...sample.document, plaintextBytes }
    assertBroken(sample, await openSample(keyring, { ...sample, document }), `${plaintextBytes} bytes`)
  }
  const document = { ...sample.document, frameBytes: 50 }
  assertBroken(sample, await openSample(keyring, { ...sample, document }), 'smaller frames')
})

test('key, context, record and object of one document open nothing of another', async () => {
  for (const bytes of [0, 40, F + 1]) {
    const mine = await sealRandom(keyring, bytes)
    const theirs = await sealRandom(keyring, bytes)
    const refused = async (swapped: Partial<SealedSample>, code: string, what: string): Promise<void> => {
      const answer = await openSample(keyring, { ...mine, ...swapped })
      assertBroken(mine, answer, what, code)
      assert.equal(answer.released.length, 0, what)
    }
    await refused({ edks: theirs.edks }, 'keys.refused', 'key')
    await refused({ context: theirs.context }, 'keys.refused', 'context')
    await refused({ edks: theirs.edks, context: theirs.context }, 'seal.broken', 'key and context')
    await refused({ document: theirs.document }, 'seal.broken', 'record')
    await refused({ body: theirs.body }, 'seal.broken', 'object')
    await refused({ document: theirs.document, body: theirs.body }, 'seal.broken', 'record and object')
    const { commitKey } = theirs.document
    await refused({ document: { ...mine.document, commitKey } }, 'seal.broken', 'commitment')
    const { messageId } = theirs.document
    await refused({ document: { ...mine.document, messageId } }, 'seal.broken', 'message id')
    await refused({ document: { ...mine.document, commitKey: '' } }, 'seal.broken', 'no commitment')
    for (const field of Object.keys(mine.context)) {
      await refused({ context: { ...mine.context, [field]: 'x' } }, 'keys.refused', `context ${field}`)
    }
  }
})

test('two seals of one document share no key, no message id and no byte of ciphertext', async () => {
  const plaintext = randomBytes(1_000)
  const one = await sealSample(keyring, plaintext)
  const two = await sealSample(keyring, plaintext)
  assert.notEqual(one.document.messageId, two.document.messageId)
  assert.notEqual(one.document.commitKey, two.document.commitKey)
  assert.equal(one.body.subarray(24, 1_040).equals(two.body.subarray(24, 1_040)), false)
})

test('the hash on record is that of the stored body', async () => {
  for (const bytes of [0, 1, 20 * F + 5]) {
    const { body, document } = await sealRandom(keyring, bytes)
    assert.equal(document.bodySha256, createHash('sha256').update(body).digest('base64'))
  }
})
