import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { VaultError } from '../../src/domain/errors.ts'
import { parseStrictJson } from '../../src/domain/strict-json.ts'

const refused = (code: string) => (error: unknown) => error instanceof VaultError && error.code === code

test('whatever JSON.stringify writes is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 8 }), fc.integer({ min: 0, max: 2 }), (text, indent) => {
      const pretty = JSON.stringify(JSON.parse(text), undefined, indent)
      assert.deepEqual(parseStrictJson(pretty, 20), JSON.parse(pretty))
    }),
    { verbose: true },
  )
})

test('a key that stands twice in one object is refused, however it is spelled and wherever it stands', () => {
  for (const text of [
    '{"a":1,"a":1}',
    '{"a":1,"b":{"c":1,"c":2}}',
    '[{"x":[{"k":1 , "k"\n:2}]}]',
    String.raw`{"a":1,"\u0061":2}`,
    '{"__proto__":1,"__proto__":2}',
    '{"":1,"":2}',
  ]) {
    assert.throws(() => parseStrictJson(text, 20), refused('body.duplicate-key'), text)
  }
})

test('equal keys of different objects, and equal strings that are no keys, are fine', () => {
  for (const text of [
    '{"a":{"a":{"a":1}}}',
    '[{"a":1},{"a":1}]',
    '{"a":"a","b":["a","a"]}',
    String.raw`{"a\"":1,"a":2}`,
  ]) {
    assert.deepEqual(parseStrictJson(text, 20), JSON.parse(text))
  }
})

test('nesting is allowed to the limit and refused one level beyond', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  assert.doesNotThrow(() => parseStrictJson(nested(20), 20))
  assert.throws(() => parseStrictJson(nested(21), 20), refused('body.malformed'))
  assert.throws(() => parseStrictJson(nested(30_000), 20), refused('body.malformed'))
})

test('what is not JSON in UTF-8 is refused', () => {
  for (const text of ['', '{', '{"a":1,}', "{'a':1}", 'NaN', '{"a":1}x', '\ufeff{}', '// a\n{}']) {
    assert.throws(() => parseStrictJson(Buffer.from(text), 20), refused('body.malformed'), text)
  }
  assert.throws(() => parseStrictJson(Buffer.from([0x22, 0xc3, 0x28, 0x22]), 20), refused('body.malformed'))
  assert.throws(() => parseStrictJson(Buffer.from('{}', 'utf16le'), 20), refused('body.malformed'))
})
