import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { CaseReference, PersonId, SubjectId, SubjectReference, TenantId } from '../../src/domain/ids.ts'
import { applyEvent, contradiction, newSubject, type Subject, type SubjectEvent } from '../../src/domain/subject.ts'

const openedAtMs = 1_000

const others = (from: number): fc.Arbitrary<SubjectEvent> => {
  const atMs = fc.integer({ min: from, max: from + 8 })
  return fc.oneof(
    fc.record({ type: fc.constantFrom('closed' as const, 'reopened' as const, 'deletion.requested' as const), atMs }),
    fc.record({ type: fc.constant('tier' as const), atMs, tier: fc.integer({ min: 0, max: 9 }) }),
    fc.record({
      type: fc.constantFrom('dispute.opened' as const, 'dispute.resolved' as const),
      atMs,
      case: fc.constantFrom('D-1' as CaseReference, 'D-2' as CaseReference),
    }),
  )
}

const unknown = newSubject({
  id: '00000000-0000-4000-8000-000000000000' as SubjectId,
  tenant: 'jnetot' as TenantId,
  reference: 'person-1' as SubjectReference,
  openedBy: 'platform' as PersonId,
  openedAtMs: 2_000,
})

/** What becomes of the subject, and which events were refused on the way. */
function told(events: readonly SubjectEvent[]): { subject: Subject; refused: readonly SubjectEvent[] } {
  let subject = unknown
  const refused: SubjectEvent[] = []
  for (const event of events) {
    if (contradiction(subject, event)) refused.push(event)
    else subject = applyEvent(subject, event, event.atMs)
  }
  return { subject, refused }
}

const permuted = (list: readonly SubjectEvent[]) =>
  fc.tuple(fc.constant(list), fc.shuffledSubarray([...list], { minLength: list.length, maxLength: list.length }))

test('events that could all be true are taken in every order, and end in the same facts', () => {
  const opening: SubjectEvent = { type: 'opened', atMs: openedAtMs }
  const lives = fc.array(others(openedAtMs), { maxLength: 10 }).chain(list => permuted([opening, ...list]))
  fc.assert(
    fc.property(lives, ([list, other]) => {
      const [one, two] = [told(list), told(other)]
      assert.deepEqual([one.refused, two.refused], [[], []])
      const facts = ({ holds, ...rest }: Subject) => ({
        ...rest,
        holds: holds.map(hold => ({ ...hold, n: 0 })).toSorted((a, b) => (a.case < b.case ? -1 : 1)),
      })
      assert.deepEqual(facts(two.subject), facts(one.subject))
    }),
    { numRuns: 2_000 },
  )
})

test('of an opening and something that lies before it the second is refused, whichever that is', () => {
  const before = others(openedAtMs - 20).filter(({ atMs }) => atMs < openedAtMs)
  fc.assert(
    fc.property(before, earlier => {
      const opening: SubjectEvent = { type: 'opened', atMs: openedAtMs }
      assert.deepEqual(told([opening, earlier]).refused, [earlier])
      assert.deepEqual(told([earlier, opening]).refused, [opening])
    }),
  )
})

test('an opening after a closing changes nothing, also where an earlier opening is known', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), (lasted, later) => {
      const closing: SubjectEvent = { type: 'closed', atMs: openedAtMs + lasted }
      const again: SubjectEvent = { type: 'opened', atMs: openedAtMs + lasted + later }
      const { subject, refused } = told([{ type: 'opened', atMs: openedAtMs }, closing, again])
      assert.deepEqual(refused, [again])
      assert.equal(subject.closedAtMs, closing.atMs)
    }),
  )
})
