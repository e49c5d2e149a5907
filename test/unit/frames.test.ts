import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { serializeContext } from '../../src/domain/key-context.ts'
import {
  bindFrames,
  bodyBytesOf,
  sealedFrameBytes as F,
  frameLength,
  frameOffset,
  framesOf,
  headerLength,
  layoutOf,
  plaintextBytesOf,
  writeHeader,
} from '../../src/guards/frames.ts'
import { deriveKeys } from '../../src/guards/key-derivation.ts'

test('sizes around whole frames have exactly the frames, the last frame and the body that the format names', () => {
  const table = [
    [0, 1, 0, 40],
    [1, 1, 1, 41],
    [F - 1, 1, F - 1, F + 39],
    [F, 1, F, F + 40],
    [F + 1, 2, 1, F + 32 + 41],
    [3 * F, 3, F, 2 * (F + 32) + F + 40],
  ] as const
  for (const [plaintextBytes, frames, lastBytes, bodyBytes] of table) {
    const layout = layoutOf(plaintextBytes, F)
    assert.deepEqual(layout, { frameBytes: F, frames, lastBytes, ivPrefix: 0n })
    assert.equal(bodyBytesOf(layout), bodyBytes)
    assert.equal(plaintextBytesOf(layout), plaintextBytes)
  }
})

test('sizes that no sealed document has are refused', () => {
  for (const size of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    assert.throws(() => layoutOf(size, F), RangeError)
  }
  for (const frame of [0, -1, 1.5, 2 ** 32 - 1]) assert.throws(() => layoutOf(1, frame), RangeError)
  assert.throws(() => layoutOf(2 ** 32, 1), RangeError)
})

test('the frames of a document lie one after the other without a gap', () => {
  fc.assert(
    fc.property(fc.nat(5_000), fc.integer({ min: 1, max: 300 }), (size, frameBytes) => {
      const layout = layoutOf(size, frameBytes)
      let at = 0
      for (let sequence = 1; sequence <= layout.frames; sequence++) {
        assert.equal(frameOffset(layout, sequence), at)
        at += headerLength(layout, sequence) + frameLength(layout, sequence) + 16
      }
      assert.equal(at, bodyBytesOf(layout))
    }),
  )
})

test('a range is given the fewest frames that hold it', () => {
  const layout = layoutOf(2 * F + 10, F)
  const frames = (start: number, end: number) => {
    const { first, last } = framesOf(layout, start, end)
    return [first, last]
  }
  assert.deepEqual(frames(0, 1), [1, 1])
  assert.deepEqual(frames(0, F), [1, 1])
  assert.deepEqual(frames(F - 1, F + 1), [1, 2])
  assert.deepEqual(frames(F, 2 * F), [2, 2])
  assert.deepEqual(frames(2 * F, 2 * F + 10), [3, 3])
  assert.deepEqual(frames(0, 2 * F + 10), [1, 3])
  assert.equal(framesOf(layout, 2 * F + 9, 2 * F + 10).end, bodyBytesOf(layout))
  assert.deepEqual(framesOf(layoutOf(0, F), 0, 0), { first: 1, last: 1, start: 0, end: 40 })
})

test('a range outside of the document is refused', () => {
  const layout = layoutOf(10, F)
  for (const [start, end] of [
    [-1, 1],
    [0, 11],
    [5, 4],
    [0.5, 1],
  ] as const) {
    assert.throws(() => framesOf(layout, start, end), RangeError)
  }
})

test('headers and associated data are the bytes that the message format names', () => {
  const layout = layoutOf(F + 5, F)
  const target = Buffer.alloc(24, 0xaa)
  writeHeader(layout, 1, target, 0)
  assert.equal(target.toString('hex', 0, 16), `00000001${'00'.repeat(8)}00000001`)
  writeHeader(layout, 2, target, 0)
  assert.equal(target.toString('hex'), `ffffffff00000002${'00'.repeat(8)}0000000200000005`)

  const messageId = Buffer.alloc(32, 7)
  const bind = bindFrames(layout, messageId)
  const aad = (label: string, tail: string) => `${'07'.repeat(32)}${Buffer.from(label).toString('hex')}${tail}`
  assert.equal(bind(1).aad.toString('hex'), aad('AWSKMSEncryptionClient Frame', `00000001${'0000000000010000'}`))
  assert.equal(bind(2).aad.toString('hex'), aad('AWSKMSEncryptionClient Final Frame', `00000002${'0000000000000005'}`))
  assert.equal(bind(2).iv.toString('hex'), `${'00'.repeat(8)}00000002`)
})

test('the keys of a message made of zeros are the known ones', () => {
  const zeros = new Uint8Array(32)
  const { contentKey, commitKey } = deriveKeys(zeros, zeros)
  assert.equal(commitKey.toString('base64'), 'Qz2Df1nLfpvGM00VSv+DEQnGNy2Y+LWshYi/9++rplE=')
  assert.equal(contentKey.toString('base64'), 'qSmd3ox7r+cIeGmJhuguY3i5S/LMKVUYJGgWR7rhE6M=')
})

test('a context is written in the order of its UTF-8 bytes, and an empty one as nothing', () => {
  const hex = (context: Record<string, string>) => Buffer.from(serializeContext(context)).toString('hex')
  assert.equal(hex({ b: '2', a: '1' }), '0002000161000131000162000132')
  assert.equal(hex({ a: '1', b: '2' }), hex({ b: '2', a: '1' }))
  assert.equal(hex({ ab: '', a: '' }), '000200016100000002616200' + '00')
  // UTF-16 would put the second before the first.
  assert.equal(hex({ '\u{ff61}': '', '\u{1f600}': '' }), '00020003efbda100000004f09f98800000')
  assert.equal(hex({}), '')
  assert.throws(() => serializeContext({ a: 'x'.repeat(65_536) }), RangeError)
})
