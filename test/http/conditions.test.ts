import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { VaultError } from '../../src/domain/errors.ts'
import { parseIfNoneMatch, parseRange } from '../../src/http/conditions.ts'

test('one range of bytes is read in each of its three forms', () => {
  assert.deepEqual(parseRange('bytes=0-99'), { start: 0, end: 99 })
  assert.deepEqual(parseRange('bytes=5-'), { start: 5 })
  assert.deepEqual(parseRange('bytes=-7'), { suffix: 7 })
  assert.deepEqual(parseRange('BYTES = 1-1 '), { start: 1, end: 1 })
})

test('no header, and units other than bytes, mean the whole (RFC 9110, 14.2)', () => {
  assert.equal(parseRange(undefined), undefined)
  assert.equal(parseRange('pages=1-2'), undefined)
})

test('several ranges, reversed ones and no ranges at all are refused', () => {
  for (const header of [
    'bytes=',
    'bytes=-',
    'bytes=2-1',
    'bytes=0-1,3-4',
    'bytes=a-b',
    'bytes=1',
    `bytes=${'9'.repeat(40)}-`,
  ]) {
    const refusal = (error: unknown) => error instanceof VaultError && error.code === 'range.not-satisfiable'
    assert.throws(() => parseRange(header), refusal, header)
  }
})

test('a header of any text is read or refused, never a crash', () => {
  fc.assert(
    fc.property(fc.string(), text => {
      try {
        parseRange(`bytes=${text}`)
      } catch (error) {
        assert.ok(error instanceof VaultError)
      }
      parseIfNoneMatch(text)
    }),
    { verbose: true },
  )
})

test('tags of If-None-Match are compared weakly, so their W/ is dropped', () => {
  assert.equal(parseIfNoneMatch(undefined), undefined)
  assert.equal(parseIfNoneMatch(' * '), '*')
  assert.deepEqual(parseIfNoneMatch('"a", W/"b" ,"c,d"'), ['"a"', '"b"', '"c,d"'])
  assert.deepEqual(parseIfNoneMatch('nonsense'), [])
})
