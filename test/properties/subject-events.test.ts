import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PersonId, SubjectId, SubjectReference, TenantId } from '../../src/domain/ids.ts'
import { applyEvent, countUpload, maxTier, type Subject, type SubjectEvent } from '../../src/domain/subject.ts'

/** A few instants, so that ties and repetitions are common. */
const atMs = fc.integer({ min: 1_000, max: 1_012 })
const event: fc.Arbitrary<SubjectEvent> = fc.oneof(
  fc.record({ type: fc.constant('opened' as const), atMs }),
  fc.record({ type: fc.constant('tier' as const), atMs, tier: fc.integer({ min: 0, max: maxTier }) }),
)
const events = fc.array(event, { minLength: 1, maxLength: 12 })

/** As a first event of another kind would have left it: later than every event here, no tier. */
const unknown: Subject = {
  id: '00000000-0000-4000-8000-000000000000' as SubjectId,
  tenant: 'omo7777' as TenantId,
  reference: 'person-1' as SubjectReference,
  tier: 0,
  tierAtMs: 0,
  openedAtMs: 2_000,
  openedBy: 'platform' as PersonId,
  holds: [],
  uploads: { day: '', count: 0 },
  version: 1,
}

/** What the platform is answered with, without the count of changes. */
function after(list: readonly SubjectEvent[]): Omit<Subject, 'version'> {
  const { version: _, ...facts } = list.reduce(applyEvent, unknown)
  return facts
}

/** A list of events and the same events in another order. */
const shuffled = events.chain(list =>
  fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length })),
)

test('events that arrive in any order end in the same subject', () => {
  fc.assert(
    fc.property(shuffled, ([list, other]) => {
      assert.deepEqual(after(other), after(list))
    }),
    { numRuns: 2_000 },
  )
})

test('an event that arrives again changes nothing', () => {
  fc.assert(
    fc.property(events, fc.nat(), (list, pick) => {
      const again = list[pick % list.length]
      assert.ok(again)
      assert.deepEqual(after([...list, again]), after(list))
    }),
    { numRuns: 2_000 },
  )
})

test('the latest tier wins, of two at one instant the higher, and the earliest event is when the subject was opened', () => {
  fc.assert(
    fc.property(events, list => {
      const tiers = list.filter(one => one.type === 'tier')
      const lastMs = Math.max(...tiers.map(one => one.atMs))
      const expected = Math.max(...tiers.filter(one => one.atMs === lastMs).map(one => one.tier))
      const subject = after(list)
      assert.equal(subject.tier, tiers.length === 0 ? 0 : expected)
      assert.equal(subject.openedAtMs, Math.min(...list.map(one => one.atMs)))
    }),
    { numRuns: 2_000 },
  )
})

test('every event that is applied counts one change, and no event touches identity or quota', () => {
  fc.assert(
    fc.property(events, list => {
      const { version, id, tenant, reference, openedBy, uploads } = list.reduce(applyEvent, unknown)
      assert.equal(version, unknown.version + list.length)
      assert.deepEqual(
        { id, tenant, reference, openedBy, uploads },
        {
          id: unknown.id,
          tenant: unknown.tenant,
          reference: unknown.reference,
          openedBy: unknown.openedBy,
          uploads: unknown.uploads,
        },
      )
    }),
  )
})

test('a day takes exactly its quota of uploads, and the next day starts anew', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 }), quota => {
      let subject: Subject | undefined = unknown
      for (let n = 0; n < quota; n++) subject = subject && countUpload(subject, '2026-01-01', quota)
      assert.ok(subject)
      assert.equal(countUpload(subject, '2026-01-01', quota), undefined)
      assert.equal(countUpload(subject, '2026-01-02', quota)?.uploads.count, 1)
    }),
  )
})
