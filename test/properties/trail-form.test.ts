import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalJson, unfitForTrail } from '../../src/domain/canonical.ts'
import { canonicalEntry, type Entry, parseEntry } from '../../src/domain/entry.ts'
import { VaultError } from '../../src/domain/errors.ts'
import { bundleOf, entriesOf } from '../../src/guards/entry-bundle.ts'

const plain = fc.string({ unit: 'grapheme', maxLength: 40 }).map(text => text.normalize('NFC'))
const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.-]{0,10}$/).filter(text => text !== '__proto__')
const detailValue = fc.oneof(plain, fc.maxSafeInteger(), fc.boolean(), fc.array(plain, { maxLength: 3 }))
const maybe = fc.option(plain, { nil: undefined })
const absentRemoved = (value: object): unknown => JSON.parse(JSON.stringify(value))

const entry: fc.Arbitrary<Entry> = fc
  .record({
    v: fc.constant(1),
    id: plain,
    ts: fc.date({ min: new Date(0), max: new Date('9999-01-01'), noInvalidDate: true }).map(date => date.toISOString()),
    inst: plain,
    act: plain,
    out: fc.constantFrom('allow', 'deny', 'done', 'broken', 'error', 'swept', 'note'),
    of: maybe,
    why: maybe,
    ten: maybe,
    sub: maybe,
    doc: maybe,
    purpose: maybe,
    case: maybe,
    req: maybe,
    actor: fc.option(fc.record({ k: plain, id: plain, auth: plain, roles: fc.array(plain, { maxLength: 3 }) }), {
      nil: undefined,
    }),
    det: fc.option(fc.dictionary(name, detailValue, { maxKeys: 5 }), { nil: undefined }),
  })
  .map(members => absentRemoved(members) as Entry)

const diverged = (detail: string) => (error: unknown) =>
  error instanceof VaultError && error.code === 'trail.diverged' && error.facts.detail === detail

test('the bytes of any entry are its RFC 8785 form, and reading them gives the entry back', () => {
  fc.assert(
    fc.property(entry, made => {
      const bytes = canonicalEntry(made)
      assert.equal(Buffer.from(bytes).toString(), canonicalJson(made))
      assert.deepEqual(absentRemoved(parseEntry(bytes)), made)
    }),
  )
})

test('any other text of the same JSON is refused', () => {
  const reordered = (made: Entry): string => JSON.stringify(Object.fromEntries(Object.entries(made).toReversed()))
  const escaped = (text: string): string => text.replace('"act"', '"\\u0061ct"')
  fc.assert(
    fc.property(entry, made => {
      const text = canonicalJson(made)
      const others = [reordered(made), escaped(text), ` ${text}`, `${text}\n`, text.replace('{', '{ ')]
      others.push(text.replace('"v":1', '"v":1.0'), text.replace('"v":1', '"v":1e0'), text.replace(/}$/, ',"x":1}'))
      others.push(text.replace('{', '{"act":"twice",'), `\ufeff${text}`)
      for (const other of others) {
        assert.notEqual(other, text)
        assert.throws(() => parseEntry(Buffer.from(other)), VaultError, other)
      }
    }),
  )
})

test('no change of one byte of an entry reads as an entry in another form', () => {
  fc.assert(
    fc.property(entry, fc.nat(), fc.integer({ min: 1, max: 255 }), (made, at, flip) => {
      const bytes = Buffer.from(canonicalEntry(made))
      const place = at % bytes.length
      bytes[place] = (bytes[place] ?? 0) ^ flip
      try {
        const read = parseEntry(bytes)
        assert.deepEqual(Buffer.from(canonicalEntry(read)), bytes)
      } catch (error) {
        assert.ok(error instanceof VaultError && error.code === 'trail.diverged', String(error))
      }
    }),
  )
})

test('what the JSON of the trail does not know is refused before it is written', () => {
  const [base] = fc.sample(entry, 1)
  assert.ok(base)
  const details: readonly unknown[] = [
    { n: 1.5 },
    { n: -0 },
    { n: 2 ** 53 },
    { n: Number.NaN },
    { n: null },
    { n: undefined },
    { n: 'e\u0301' },
    { n: '\ud83d' },
    { n: ['\ud83d'] },
    { é: 1 },
    { '1': 1 },
    { n: 'x'.repeat(8_192) },
  ]
  for (const det of details) {
    assert.throws(() => canonicalEntry({ ...base, det } as Entry), VaultError, JSON.stringify(det))
  }
  assert.throws(() => parseEntry(Buffer.alloc(8_193, ' ')), diverged('entry.too-long'))
  assert.throws(() => parseEntry(Buffer.from([0x7b, 0xff])), diverged('entry.malformed'))
})

test('a value may stand in the trail exactly when it has no null, fraction, unsafe number, odd name or unnormal string', () => {
  assert.equal(unfitForTrail({ a: [1, true, 'é', { b: -7 }] }), undefined)
  assert.equal(unfitForTrail({ a: null }), 'kind')
  assert.equal(unfitForTrail({ a: [0.1] }), 'number')
  assert.equal(unfitForTrail({ é: 1 }), 'name')
  assert.equal(unfitForTrail([{ a: 'e\u0301' }]), 'string')
})

test('a bundle gives its entries back, and one that is cut anywhere inside an entry is refused', () => {
  const bytes = fc.uint8Array({ maxLength: 300 })
  fc.assert(
    fc.property(fc.array(bytes, { minLength: 1, maxLength: 8 }), fc.nat(), (entries, at) => {
      const bundle = bundleOf(entries)
      assert.deepEqual(
        entriesOf(bundle).map(entry => [...entry]),
        entries.map(entry => [...entry]),
      )
      const ends = entries.map((_, i) => bundleOf(entries.slice(0, i)).length)
      const cut = at % bundle.length
      if (ends.includes(cut)) assert.equal(entriesOf(bundle.subarray(0, cut)).length, ends.lastIndexOf(cut))
      else assert.throws(() => entriesOf(bundle.subarray(0, cut)), diverged('bundle.malformed'))
    }),
  )
})
