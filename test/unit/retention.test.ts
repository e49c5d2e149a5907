import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deletionAnswerDueMs, earliestLookMs, judge, retentionOf } from '../../src/domain/retention.ts'
import { deletionAskedSince, isUnanswered, type Subject, unansweredSince } from '../../src/domain/subject.ts'
import type { Tenant } from '../../src/domain/tenant.ts'
import { aLife, aPaper, at } from '../support/a-subject.ts'
import { aRule, aTenant, someClocks } from '../support/a-tenant.ts'

const acme = aTenant('acme')

/** `ground day instant` of a paper; the instant without its zero milliseconds. */
function clockOf(tenant: Tenant, subject: Subject, paper = aPaper()): string {
  const retention = retentionOf(tenant, subject, paper)
  if (!retention) return 'unknown'
  const { ground, dueOn, dueAtMs } = retention
  if (dueAtMs === undefined) return ground
  return [ground, dueOn, new Date(dueAtMs).toISOString().replace('.000', '')].join(' ')
}

/** A tenant with an ID's rule alone, in this zone. */
const inZone = (zone: string, years = 1): Tenant =>
  aTenant('acme', {}, [someClocks({ zone, rules: new Map([['id', aRule({ years, floorYears: 1 })]]) })])

test('while the account is open nothing is due, and nothing has to be looked at', () => {
  for (const life of [aLife(), aLife('opened 2020-01-01T00:00Z'), aLife('deletion.requested 2020-01-01T00:00Z')]) {
    assert.equal(clockOf(acme, life), 'relationship')
    assert.equal(earliestLookMs(acme, life), undefined)
    assert.equal(deletionAnswerDueMs(acme, life), undefined)
  }
})

test('a paper is due on the day after the promised years are over, by the calendar of the zone', () => {
  // Midnight in Jakarta is at 17:00 UTC the day before.
  assert.equal(clockOf(acme, aLife('closed 2026-03-10T16:59:59Z')), 'term 2033-03-11 2033-03-10T17:00:00Z')
  assert.equal(clockOf(acme, aLife('closed 2026-03-10T17:00:00Z')), 'term 2033-03-12 2033-03-11T17:00:00Z')
})

test('it is due from the first instant of that day on, and not a millisecond before', () => {
  const retention = retentionOf(acme, aLife('closed 2026-03-10T00:00Z'), aPaper())
  const due = at('2033-03-10T17:00Z')
  assert.equal(judge(retention, due - 1), 'early')
  assert.equal(judge(retention, due), 'due')
  assert.equal(judge(undefined, due), 'unknown')
})

test('a closure on the 29th of February has its anniversary on the 28th where there is no 29th', () => {
  const days = [1, 3, 4, 7].map(years => clockOf(inZone('UTC', years), aLife('closed 2024-02-29T12:00Z')))
  assert.deepEqual(
    days.map(day => day.split(' ')[1]),
    ['2025-03-01', '2027-03-01', '2028-03-01', '2031-03-01'],
  )
  assert.equal(clockOf(inZone('UTC', 4), aLife('closed 2024-02-28T12:00Z')).split(' ')[1], '2028-02-29')
})

test('where the clocks go forward over midnight, the day begins at the first instant that is there', () => {
  // 2018-11-04 began at 01:00 in São Paulo, 2023-04-28 at 01:00 in Cairo.
  assert.equal(
    clockOf(inZone('America/Sao_Paulo'), aLife('closed 2017-11-03T12:00Z')),
    'term 2018-11-04 2018-11-04T03:00:00Z',
  )
  assert.equal(
    clockOf(inZone('Africa/Cairo'), aLife('closed 2022-04-27T12:00Z')),
    'term 2023-04-28 2023-04-27T22:00:00Z',
  )
})

test('where the clocks go back over midnight, the day before is kept to its second end', () => {
  // 2018-02-17 had 25 hours in São Paulo: its last hour came twice.
  assert.equal(
    clockOf(inZone('America/Sao_Paulo'), aLife('closed 2017-02-17T12:00Z')),
    'term 2018-02-18 2018-02-18T03:00:00Z',
  )
  // At one minute past midnight it was 23:01 of the day before again in St. John's: midnight came twice.
  assert.equal(
    clockOf(inZone('America/St_Johns'), aLife('closed 2009-11-06T12:00Z')),
    'term 2010-11-07 2010-11-07T03:30:00Z',
  )
})

test('where the clocks go back to midnight within a day, the day began at its first midnight', () => {
  assert.equal(
    clockOf(inZone('America/Scoresbysund'), aLife('closed 2013-10-25T12:00Z')),
    'term 2014-10-26 2014-10-26T00:00:00Z',
  )
})

test('a day that a zone skipped is no day to be due on', () => {
  // Samoa went from the 29th of December 2011 to the 31st.
  assert.equal(
    clockOf(inZone('Pacific/Apia'), aLife('closed 2010-12-29T20:00Z')),
    'term 2011-12-31 2011-12-30T10:00:00Z',
  )
})

test('a request to be deleted leaves what the law asks for, and destroys the rest before the answer is due', () => {
  const life = aLife('closed 2026-03-10T00:00Z', 'deletion.requested 2026-05-01T00:00Z')
  assert.equal(clockOf(acme, life), 'floor 2031-03-11 2031-03-10T17:00:00Z')
  assert.equal(clockOf(acme, life, aPaper('selfie')), 'shred 2026-05-22 2026-05-21T17:00:00Z')
  assert.equal(deletionAnswerDueMs(acme, life), at('2026-05-30T17:00Z'))
  assert.equal(earliestLookMs(acme, life), at('2026-05-21T17:00Z'))
})

test('a request from before the closure counts from the closure', () => {
  const life = aLife('deletion.requested 2026-03-01T00:00Z', 'closed 2026-03-10T00:00Z')
  assert.equal(clockOf(acme, life), 'floor 2031-03-11 2031-03-10T17:00:00Z')
  assert.equal(clockOf(acme, life, aPaper('selfie')), 'shred 2026-03-31 2026-03-30T17:00:00Z')
  assert.equal(deletionAnswerDueMs(acme, life), at('2026-04-08T17:00Z'))
})

test('a request after the floor destroys at once what only the promise kept, and one near the end prolongs nothing', () => {
  const late = aLife('closed 2026-03-10T00:00Z', 'deletion.requested 2032-06-01T00:00Z')
  assert.equal(clockOf(acme, late), 'shred 2032-06-22 2032-06-21T17:00:00Z')
  const last = aLife('closed 2026-03-10T00:00Z', 'deletion.requested 2033-03-08T00:00Z')
  assert.equal(clockOf(acme, last), 'term 2033-03-11 2033-03-10T17:00:00Z')
  assert.equal(clockOf(acme, last, aPaper('selfie')), 'term 2033-03-11 2033-03-10T17:00:00Z')
})

test('whoever asks again loses no day by it', () => {
  const asked = 'deletion.requested 2026-05-01T00:00Z'
  const again = ['deletion.requested 2026-05-15T00:00Z', 'deletion.requested 2026-05-20T00:00Z'] as const
  for (const life of [
    [asked, ...again],
    [...again, asked],
    [...again.toReversed(), asked],
  ]) {
    const subject = aLife('closed 2026-03-10T00:00Z', ...life)
    assert.equal(clockOf(acme, subject, aPaper('selfie')), 'shred 2026-05-22 2026-05-21T17:00:00Z')
    assert.equal(deletionAnswerDueMs(acme, subject), at('2026-05-30T17:00Z'))
  }
})

test('a request that is made after an answer was given is answered anew, in its own time', () => {
  const lines = ['closed 2026-03-10T00:00Z', 'deletion.requested 2026-05-01T00:00Z']
  const asked = aLife(...lines)
  assert.equal(isUnanswered(asked), true)
  const deletionAnswered = { askedAtMs: at('2026-05-01T00:00Z'), answeredAtMs: at('2026-05-10T00:00Z') }
  assert.equal(isUnanswered({ ...asked, deletionAnswered }), false)
  const meanwhile = aLife(...lines, 'deletion.requested 2026-05-09T00:00Z')
  assert.equal(isUnanswered({ ...meanwhile, deletionAnswered }), false)
  const again = { ...aLife(...lines, 'deletion.requested 2027-01-01T00:00Z'), deletionAnswered }
  assert.equal(isUnanswered(again), true)
  assert.equal(deletionAnswerDueMs(acme, again), at('2027-01-30T17:00Z'))
  assert.equal(clockOf(acme, again, aPaper('selfie')), 'shred 2026-05-22 2026-05-21T17:00:00Z')
  const lapsed = { ...aLife('reopened 2026-05-05T00:00Z', ...lines, 'closed 2026-06-01T00:00Z'), deletionAnswered }
  assert.equal(isUnanswered(lapsed), false)
})

test('an answer to a request that a reopening ended is none to a later request, even where that was made before the answer', () => {
  const deletionAnswered = { askedAtMs: at('2026-05-01T00:00Z'), answeredAtMs: at('2026-05-20T00:00Z') }
  for (const reopened of ['2026-05-01T00:00Z', '2026-05-05T00:00Z']) {
    const subject = aLife(
      'deletion.requested 2026-05-01T00:00Z',
      'deletion.requested 2026-05-06T00:00Z',
      `reopened ${reopened}`,
      'closed 2026-05-07T00:00Z',
    )
    assert.equal(unansweredSince({ ...subject, deletionAnswered }), at('2026-05-06T00:00Z'))
  }
})

test('requests that a reopening ended take no room from those that count, however many they were', () => {
  const many = Array.from(
    { length: 40 },
    (_, n) => `deletion.requested 2026-01-${String((n % 28) + 1).padStart(2, '0')}T0${n % 9}:00Z`,
  )
  const subject = aLife(
    'closed 2026-03-01T00:00Z',
    ...many,
    'reopened 2026-02-01T00:00Z',
    'deletion.requested 2026-04-01T00:00Z',
    'deletion.requested 2026-04-10T00:00Z',
    'deletion.requested 2026-04-20T00:00Z',
  )
  assert.equal(deletionAskedSince(subject), at('2026-04-01T00:00Z'))
  assert.equal(subject.deletionAskedBeforeMs?.length, 2)
  const asking = aLife('closed 2026-03-01T00:00Z', ...many)
  assert.equal(asking.deletionAskedBeforeMs?.length, 32)
  assert.equal(deletionAskedSince(asking), at('2026-01-01T00:00Z'))
})

test('a reopening stops the clock and ends the request; the next closure starts the clock anew', () => {
  const lines = ['closed 2026-03-10T00:00Z', 'deletion.requested 2026-05-01T00:00Z', 'reopened 2026-05-03T00:00Z']
  assert.equal(clockOf(acme, aLife(...lines)), 'relationship')
  const again = aLife(...lines, 'closed 2027-01-01T00:00Z')
  assert.equal(clockOf(acme, again), 'term 2034-01-02 2034-01-01T17:00:00Z')
  assert.equal(deletionAnswerDueMs(acme, again), undefined)
  // Which of its requests counts hangs on when it was reopened, and that may be told last.
  const late = aLife(
    'closed 2027-01-01T00:00Z',
    'deletion.requested 2027-03-01T00:00Z',
    'deletion.requested 2027-02-01T00:00Z',
    ...lines,
  )
  assert.equal(clockOf(acme, late, aPaper('selfie')), 'shred 2027-02-22 2027-02-21T17:00:00Z')
})

test('a closing and a reopening at one instant leave the account open', () => {
  assert.equal(clockOf(acme, aLife('reopened 2026-03-10T00:00Z', 'closed 2026-03-10T00:00Z')), 'relationship')
})

const versions = (...rules: readonly Parameters<typeof aRule>[0][]): Tenant =>
  aTenant(
    'acme',
    {},
    rules.map((rule, at) => someClocks({ version: at + 1, rules: new Map([['id', aRule(rule)]]) })),
  )

const closed = aLife('closed 2026-03-10T00:00Z')

test('a promise that gets longer takes nothing back, one that gets shorter counts for papers that are there', () => {
  assert.match(clockOf(versions({ years: 7 }, { years: 10 }), closed), /^term 2033-/)
  assert.match(clockOf(versions({ years: 10 }, { years: 7 }), closed), /^term 2033-/)
  assert.match(clockOf(versions({ years: 10 }, { years: 6 }, { years: 9 }), closed), /^term 2032-/)
  assert.match(clockOf(versions({ years: 6 }, { years: 9 }), closed, aPaper('id', 2)), /^term 2035-/)
})

test('a law that gets longer counts for papers that are there, and so does one that gets shorter', () => {
  assert.match(clockOf(versions({ years: 7 }, { years: 10, floorYears: 10 }), closed), /^floor 2036-/)
  const asked = aLife('closed 2026-03-10T00:00Z', 'deletion.requested 2026-03-11T00:00Z')
  assert.match(clockOf(versions({ floorYears: 5 }, { floorYears: 6 }), asked), /^floor 2032-/)
  assert.match(clockOf(versions({ floorYears: 6 }, { floorYears: 5 }), asked), /^floor 2031-/)
})

test('which version decided is told, and its zone counts', () => {
  const jayapura = someClocks({ version: 2, zone: 'Asia/Jayapura' })
  const moved = aTenant('acme', {}, [someClocks(), jayapura])
  const life = aLife('closed 2026-03-10T15:30Z')
  // The 10th in Jakarta, the 11th in Jayapura: each counts its own days, and the earlier end is the shorter promise.
  assert.equal(clockOf(moved, life), 'term 2033-03-11 2033-03-10T17:00:00Z')
  assert.equal(retentionOf(moved, life, aPaper())?.policyVersion, 1)
  assert.equal(clockOf(moved, life, aPaper('id', 2)), 'term 2033-03-12 2033-03-11T15:00:00Z')
})

test('the shorter time for an answer counts, whichever version promised it', () => {
  const life = aLife('closed 2026-03-10T00:00Z', 'deletion.requested 2026-03-10T00:00Z')
  const days = (...answers: readonly number[]): Tenant =>
    aTenant(
      'acme',
      {},
      answers.map((answerDays, n) => someClocks({ version: n + 1, deletion: { answerDays, shredAfterDays: 5 } })),
    )
  for (const tenant of [days(14, 30), days(30, 14)]) {
    assert.equal(deletionAnswerDueMs(tenant, life), at('2026-03-23T17:00Z'))
  }
})

test('a version that is not known, or without a rule for the type, lets nothing be destroyed', () => {
  assert.equal(clockOf(acme, closed, aPaper('id', 2)), 'unknown')
  assert.equal(clockOf(acme, closed, aPaper('address')), 'unknown')
  const dropped = aTenant('acme', {}, [someClocks(), someClocks({ version: 2, rules: new Map([['id', aRule()]]) })])
  assert.equal(clockOf(dropped, closed, aPaper('selfie')), 'unknown')
})

test('a hold keeps what is due, of all papers or of one, until its end is told', () => {
  const life = aLife('closed 2026-03-10T00:00Z', 'dispute.opened 2026-04-01T00:00Z CASE-1')
  const due = at('2040-01-01T00:00Z')
  assert.equal(judge(retentionOf(acme, life, aPaper()), due), 'held')
  assert.deepEqual(retentionOf(acme, life, aPaper())?.heldBy, [1])
  assert.equal(earliestLookMs(acme, life), undefined)
  const ended = aLife(
    'closed 2026-03-10T00:00Z',
    'dispute.resolved 2026-05-01T00:00Z CASE-1',
    'dispute.opened 2026-04-01T00:00Z CASE-1',
  )
  assert.equal(judge(retentionOf(acme, ended, aPaper()), due), 'due')
  const one = { ...life.holds[0], n: 1, document: aPaper().id } as Subject['holds'][number]
  const other = { ...aPaper(), id: '00000000-0000-7000-8000-000000000002' as typeof one.document & string }
  assert.equal(judge(retentionOf(acme, { ...life, holds: [one] }, aPaper()), due), 'held')
  assert.equal(judge(retentionOf(acme, { ...life, holds: [one] }, other), due), 'due')
  assert.equal(earliestLookMs(acme, { ...life, holds: [one] }), at('2033-03-10T17:00Z'))
})
