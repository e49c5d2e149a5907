import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { maxEventHolds } from '../../src/domain/hold.ts'
import { atCommit } from '../support/at-commit.ts'
import type { CallAnswer } from '../support/call.ts'
import { bury, type FileDesk, giveUp, openFileDesk } from '../support/file-desk.ts'
import { recorded } from '../support/recorded.ts'

const dayMs = 86_400_000
let desk: FileDesk

before(async () => {
  desk = await openFileDesk('jnetot')
})
after(() => desk[Symbol.asyncDispose]())

const daysAgo = (days: number): string => new Date(desk.clock.nowMs() - days * dayMs).toISOString()
const lastEntry = async () => (await recorded(desk.opened.vault, 'jnetot')).at(-1)

/** The documented refusal, on record, with nothing changed. */
async function refused(answer: CallAnswer, status: number, code: string, subject: string, version: number) {
  assert.deepEqual([answer.status, answer.json.code], [status, code], JSON.stringify(answer.json))
  const last = await lastEntry()
  assert.deepEqual([last?.act, last?.out, last?.why], ['subject.event', 'deny', code])
  assert.equal((await desk.subject(subject)).version, version)
}

test('the life of a subject is told by its events, and the subject says what it knows', async () => {
  await desk.tell('life', 'opened', { at: daysAgo(30) })
  await desk.tell('life', 'tier', { at: daysAgo(20), tier: 3 })
  const closed = await desk.tell('life', 'closed', { at: daysAgo(3) })
  assert.deepEqual([closed.status, closed.json.closed, closed.json.closedAt], [202, true, daysAgo(3)])
  const { lookAtMs } = await desk.subject('life')
  assert.ok(lookAtMs !== undefined && lookAtMs > desk.clock.nowMs() + 5 * 365 * dayMs, 'the purge knows when to look')
  const reopened = await desk.tell('life', 'reopened', { at: daysAgo(1) })
  assert.deepEqual([reopened.json.closed, reopened.json.tier, reopened.json.accountOpenedAt], [false, 3, daysAgo(30)])
  assert.equal((await desk.subject('life')).lookAtMs, undefined, 'the clock stands still')
})

test('an event of the future, before the account, or before any account is contradictory', async () => {
  await desk.tell('dates', 'opened', { at: daysAgo(10) })
  const future = await desk.tell('dates', 'closed', { at: daysAgo(-1) })
  assert.equal(future.json.errors[0].field, 'at')
  await refused(future, 409, 'event.contradictory', 'dates', 1)
  await refused(await desk.tell('dates', 'closed', { at: daysAgo(11) }), 409, 'event.contradictory', 'dates', 1)
  await refused(
    await desk.tell('dates', 'closed', { at: '0202-01-01T00:00:00Z' }),
    409,
    'event.contradictory',
    'dates',
    1,
  )
})

test('an account that was closed is opened again by reopened, not by another opening, whichever is told first', async () => {
  await desk.tell('twice', 'closed', { at: daysAgo(9) })
  await refused(await desk.tell('twice', 'opened', { at: daysAgo(5) }), 409, 'event.contradictory', 'twice', 1)
  assert.equal((await desk.tell('twice', 'opened', { at: daysAgo(20) })).status, 202)
  await desk.tell('twice-more', 'opened', { at: daysAgo(5) })
  await refused(
    await desk.tell('twice-more', 'closed', { at: daysAgo(9) }),
    409,
    'event.contradictory',
    'twice-more',
    1,
  )
})

test('a case that the platform did not promise to hold papers for is not offered, and neither is its end', async () => {
  await using other = await openFileDesk('omo7777')
  for (const type of ['dispute.opened', 'dispute.resolved', 'withdrawal.pending', 'withdrawal.settled']) {
    const answer = await other.tell('p-1', type, { ref: 'D-1' })
    assert.deepEqual([answer.status, answer.json.code], [422, 'event.not-offered'])
    assert.deepEqual(answer.json.allowed, ['legal_order'])
    assert.equal((await recorded(other.opened.vault, 'omo7777')).at(-1)?.why, 'event.not-offered')
  }
})

test('events are the platform’s alone, and another platform’s subject of that name is another subject', async () => {
  const at = daysAgo(1)
  for (const role of ['reviewer', 'senior-reviewer', 'support', 'dpo', 'legal', 'auditor', 'purge', 'admin'] as const) {
    const answer = await desk.post(role, '/v1/subjects/life/events', { type: 'closed', at })
    assert.deepEqual([answer.status, answer.json.code], [403, 'role.not-allowed'], role)
  }
  const known = await desk.subject('life')
  const key = desk.opened.key('omo7777', 'onboarding')
  const foreign = await desk.ask('onboarding', 'POST', '/v1/subjects/life/events', {
    headers: { 'Idempotency-Key': 'f-1', Authorization: `Bearer ${key}` },
    json: { type: 'closed', at },
  })
  assert.equal(foreign.status, 202)
  assert.notEqual(foreign.json.id, known.id)
  assert.deepEqual(await desk.subject('life'), known)
})

test('a repeated event is answered as before, also when it could not be true any more', async () => {
  const headers = { 'Idempotency-Key': 'tier-1' }
  const json = { type: 'tier', at: daysAgo(50), tier: 2 }
  const first = await desk.post('onboarding', '/v1/subjects/again/events', json, headers)
  // Before the account was opened, as it turns out.
  const { id, tenant, version, ...subject } = await desk.subject('again')
  await desk.ports.ledger.commit({} as never, [
    {
      row: 'subject',
      expected: version,
      put: { ...subject, id, tenant, accountOpenedAtMs: desk.clock.nowMs() - 40 * dayMs, version: version + 1 },
    },
  ])
  const again = await desk.post('onboarding', '/v1/subjects/again/events', json, headers)
  assert.deepEqual([again.status, again.headers.get('idempotent-replayed')], [202, 'true'])
  assert.deepEqual(again.json, first.json)
  await refused(await desk.tell('again', 'tier', { at: daysAgo(50), tier: 2 }), 409, 'event.contradictory', 'again', 2)
  const other = await desk.post('onboarding', '/v1/subjects/again/events', { ...json, tier: 3 }, headers)
  assert.deepEqual([other.status, other.json.code], [422, 'idempotency.conflict'])
})

test('a dispute begins and ends a hold, in whatever order the two arrive', async () => {
  const opened = await desk.tell('quarrel', 'dispute.opened', { at: daysAgo(5), ref: 'D-7' })
  const { id } = await desk.subject('quarrel')
  assert.equal((await lastEntry())?.case, 'D-7', 'whoever may read the entries of a case finds it')
  assert.deepEqual(opened.json.holds, [{ id: `${id}.1`, kind: 'dispute' }])
  assert.deepEqual((await desk.tell('quarrel', 'dispute.resolved', { at: daysAgo(2), ref: 'D-7' })).json.holds, [])
  assert.deepEqual((await desk.tell('quarrel', 'withdrawal.settled', { at: daysAgo(2), ref: 'W-1' })).json.holds, [])
  assert.deepEqual((await desk.tell('quarrel', 'withdrawal.pending', { at: daysAgo(3), ref: 'W-1' })).json.holds, [])
  const again = await desk.tell('quarrel', 'dispute.opened', { at: daysAgo(1), ref: 'D-7' })
  assert.deepEqual(again.json.holds, [{ id: `${id}.1`, kind: 'dispute' }], 'the same case again is the same hold')
})

test('a dispute that comes while papers are being destroyed is recorded, keeps the others, and names those', async () => {
  const [gone, kept] = [await desk.upload('late'), await desk.upload('late', 'address', 'utility-bill')]
  await giveUp(desk, 'late', [gone])
  const answer = await desk.tell('late', 'dispute.opened', { ref: 'D-8' })
  assert.deepEqual([answer.status, answer.json.tooLate], [202, [gone]])
  assert.equal((await lastEntry())?.det?.tooLate, 1)
  const view = await desk.ask('dpo', 'GET', `/v1/documents/${kept}`)
  assert.deepEqual(view.json.heldBy, [{ id: answer.json.holds[0].id, kind: 'dispute', case: 'D-8' }])
  await giveUp(desk, 'late', [kept])
  const allGone = await desk.tell('late', 'withdrawal.pending', { ref: 'W-8' })
  assert.deepEqual([allGone.status, allGone.json.tooLate], [202, [gone, kept]], 'the fact is recorded all the same')
})

test('an event of a person who was forgotten opens a new subject', async () => {
  const paper = await desk.upload('phoenix')
  await desk.tell('phoenix', 'closed')
  const former = await desk.subject('phoenix')
  await giveUp(desk, 'phoenix', [paper])
  await bury(desk, 'phoenix', true)
  const answer = await desk.tell('phoenix', 'dispute.resolved', { at: daysAgo(1), ref: 'D-9' })
  assert.equal(answer.status, 202)
  assert.notEqual(answer.json.id, former.id)
  assert.deepEqual([answer.json.closed, answer.json.tier], [false, 0])
})

test('a subject has room for a bounded number of cases, and beside them for an order of the law', async () => {
  for (let n = 1; n <= maxEventHolds; n++) {
    assert.equal((await desk.tell('crowd', 'dispute.opened', { ref: `D-${n}` })).status, 202)
  }
  await refused(
    await desk.tell('crowd', 'dispute.opened', { ref: 'D-more' }),
    409,
    'hold.too-many',
    'crowd',
    maxEventHolds,
  )
  assert.equal((await desk.tell('crowd', 'dispute.resolved', { ref: 'D-1' })).status, 202, 'a known case still ends')
  const order = { subject: 'crowd', kind: 'legal_order', case: 'WRIT-1' }
  assert.equal((await desk.post('legal', '/v1/holds', order)).status, 201)
})

test('what an event is refused for may come up between its admission and its commit', async () => {
  let meanwhile: (() => Promise<unknown>) | undefined
  const clockAt = Date.now()
  await using racing = await openFileDesk('jnetot', {
    wrapPorts: ports =>
      atCommit(ports, async () => {
        const now = meanwhile
        meanwhile = undefined
        await now?.()
      }),
  })
  await racing.tell('race', 'tier', { at: new Date(clockAt - dayMs).toISOString(), tier: 1 })
  // The account's opening arrives while an event from before it is about to be committed.
  const before = await racing.subject('race')
  meanwhile = () =>
    racing.ports.ledger.commit({} as never, [
      {
        row: 'subject',
        expected: before.version,
        put: { ...before, accountOpenedAtMs: clockAt - 2 * dayMs, version: before.version + 1 },
      },
    ])
  const answer = await racing.tell('race', 'closed', { at: new Date(clockAt - 3 * dayMs).toISOString() })
  assert.deepEqual([answer.status, answer.json.code], [409, 'event.contradictory'])
  assert.equal((await racing.subject('race')).closedAtMs, undefined)
  const entries = await recorded(racing.opened.vault, 'jnetot')
  assert.deepEqual([entries.at(-1)?.out, entries.at(-1)?.why], ['error', 'event.contradictory'])
})

test('neither the trail nor the log names a person as the platform does', async () => {
  const text = JSON.stringify([await recorded(desk.opened.vault, 'jnetot'), desk.opened.lines])
  for (const name of ['phoenix', 'quarrel', 'crowd', 'twice-more']) assert.ok(!text.includes(name), name)
})
