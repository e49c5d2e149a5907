import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isInForce } from '../../src/domain/hold.ts'
import type { CaseReference, PersonId, SubjectId, SubjectReference, TenantId } from '../../src/domain/ids.ts'
import { deletionAnswerDueMs, earliestLookMs, retentionOf } from '../../src/domain/retention.ts'
import {
  applyEvent,
  contradiction,
  countUpload,
  isUnanswered,
  maxTier,
  type Subject,
  type SubjectEvent,
  subjectEventTypes,
} from '../../src/domain/subject.ts'
import { aPaper } from '../support/a-subject.ts'
import { aTenant, someClocks } from '../support/a-tenant.ts'

const openedAtMs = Date.UTC(2020, 0, 1)
const dayMs = 86_400_000

/** A few instants days apart, so that ties and repetitions are common and due dates differ. */
const atMs = fc.integer({ min: 0, max: 12 }).map(days => openedAtMs + days * dayMs)
const reference = fc.constantFrom('CASE-1' as CaseReference, 'CASE-2' as CaseReference)
const event: fc.Arbitrary<SubjectEvent> = fc
  .constantFrom(...subjectEventTypes)
  .chain((type): fc.Arbitrary<SubjectEvent> => {
    switch (type) {
      case 'opened':
        return fc.constant({ type, atMs: openedAtMs })
      case 'closed':
      case 'reopened':
      case 'deletion.requested':
        return fc.record({ type: fc.constant(type), atMs })
      case 'tier':
        return fc.record({ type: fc.constant(type), atMs, tier: fc.integer({ min: 0, max: maxTier }) })
      default:
        return fc.record({ type: fc.constant(type), atMs, case: reference })
    }
  })
const events = fc.array(event, { minLength: 1, maxLength: 16 })

/** As a first event of another kind would have left it: later than every event here, no tier. */
const unknown: Subject = {
  id: '00000000-0000-4000-8000-000000000000' as SubjectId,
  tenant: 'omo7777' as TenantId,
  reference: 'person-1' as SubjectReference,
  tier: 0,
  tierAtMs: 0,
  openedAtMs: Date.UTC(2021, 0, 1),
  openedBy: 'platform' as PersonId,
  holds: [],
  uploads: { day: '', count: 0 },
  version: 1,
}

const acme = aTenant('acme', {}, [
  someClocks({ deletion: { answerDays: 14, shredAfterDays: 5 } }),
  someClocks({ version: 2, zone: 'America/Sao_Paulo' }),
])

const applied = (list: readonly SubjectEvent[]): Subject =>
  list.reduce((subject, one) => applyEvent(subject, one, one.atMs), unknown)

/** The subject without the count of changes and the numbering of its holds. */
function factsOf(subject: Subject) {
  const holds = subject.holds.map(hold => ({ ...hold, n: 0 }))
  holds.sort((a, b) => (`${a.kind} ${a.case}` < `${b.kind} ${b.case}` ? -1 : 1))
  return { ...subject, version: 0, holds }
}

/** All that a purge is decided on. */
function clocksOf(subject: Subject) {
  const papers = (['id', 'selfie'] as const).flatMap(type => [aPaper(type, 1), aPaper(type, 2)])
  return {
    due: papers.map(paper => {
      const { heldBy, ...clock } = retentionOf(acme, subject, paper) ?? assert.fail()
      return { ...clock, held: heldBy.length > 0 }
    }),
    lookAtMs: earliestLookMs(acme, subject),
    answerDueMs: deletionAnswerDueMs(acme, subject),
    unanswered: isUnanswered(subject),
    inForce: subject.holds
      .filter(isInForce)
      .map(hold => `${hold.kind} ${hold.case}`)
      .sort(),
  }
}

/** A list of events and the same events in another order, some of them twice. */
const shuffled = events.chain(list =>
  fc.tuple(
    fc.constant(list),
    fc
      .tuple(fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length }), fc.subarray(list))
      .chain(([other, twice]) => fc.shuffledSubarray([...other, ...twice], { minLength: list.length + twice.length })),
  ),
)

test('events that arrive late, twice and in any order end in the same subject, the same due dates and the same holds', () => {
  fc.assert(
    fc.property(shuffled, ([list, other]) => {
      assert.deepEqual(factsOf(applied(other)), factsOf(applied(list)))
      assert.deepEqual(clocksOf(applied(other)), clocksOf(applied(list)))
    }),
    { numRuns: 4_000 },
  )
})

test('none of the events of one life contradicts another, in whatever order they arrive', () => {
  fc.assert(
    fc.property(shuffled, ([, other]) => {
      let subject = unknown
      for (const one of other) {
        assert.equal(contradiction(subject, one), undefined)
        subject = applyEvent(subject, one, one.atMs)
      }
    }),
    { numRuns: 2_000 },
  )
})

test('what the list says by itself is what the subject says: the last closing and reopening, the first open request, each case', () => {
  fc.assert(
    fc.property(events, list => {
      const subject = applied(list)
      const times = (type: SubjectEvent['type']) => list.filter(one => one.type === type).map(one => one.atMs)
      const reopenedMs = Math.max(Number.NEGATIVE_INFINITY, ...times('reopened'))
      const closedMs = Math.max(Number.NEGATIVE_INFINITY, ...times('closed'))
      const isClosed = closedMs > reopenedMs
      const [asked] = times('deletion.requested')
        .filter(one => one > reopenedMs)
        .sort((a, b) => a - b)
      const clocks = clocksOf(subject)
      assert.equal(clocks.due[0]?.dueAtMs !== undefined, isClosed)
      assert.equal(clocks.answerDueMs !== undefined, isClosed && asked !== undefined)
      assert.equal(isUnanswered(subject), asked !== undefined)
      // The selfie of version 2: in São Paulo, 21 days after the later of request and closing; without daylight saving time.
      if (isClosed && asked !== undefined) {
        const sinceMs = Math.max(asked, closedMs) - 3 * 3_600_000
        assert.equal(clocks.due[3]?.dueAtMs, sinceMs - (sinceMs % dayMs) + 21 * dayMs + 3 * 3_600_000)
      }
      const held = [
        'dispute.opened dispute.resolved dispute',
        'withdrawal.pending withdrawal.settled withdrawal',
      ].flatMap(names => {
        const [begins, ends, kind] = names.split(' ')
        const timesOf = (type: string | undefined, about: string) =>
          list.flatMap(one => (one.type === type && 'case' in one && one.case === about ? [one.atMs] : []))
        const isHeld = (about: string) =>
          timesOf(begins, about).some(beganMs => timesOf(ends, about).every(endedMs => endedMs <= beganMs))
        return ['CASE-1', 'CASE-2'].filter(isHeld).map(about => `${kind} ${about}`)
      })
      assert.deepEqual(clocks.inForce, held.sort())
    }),
    { numRuns: 4_000 },
  )
})

test('the latest tier wins, of two at one instant the higher, and the earliest event is when the subject was opened', () => {
  fc.assert(
    fc.property(events, list => {
      const tiers = list.filter(one => one.type === 'tier')
      const lastMs = Math.max(...tiers.map(one => one.atMs))
      const expected = Math.max(...tiers.filter(one => one.atMs === lastMs).map(one => one.tier))
      const subject = applied(list)
      assert.equal(subject.tier, tiers.length === 0 ? 0 : expected)
      assert.equal(subject.openedAtMs, Math.min(...list.map(one => one.atMs)))
    }),
    { numRuns: 2_000 },
  )
})

test('every event that is applied counts one change, and no event touches identity or quota', () => {
  fc.assert(
    fc.property(events, list => {
      const { version, id, tenant, reference, openedBy, uploads } = applied(list)
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
