import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openYears } from '../support/years.ts'

/** What Nomor Keluar promised its users, each promise kept over ten years by the real verbs and jobs, as told by a clock that is moved. */

test('"kept 7 calendar years after the account was closed, then destroyed"', async () => {
  await using years = await openYears('nomor-keluar', '2030-01-10')
  const ids = await years.uploadAll('person-1', ['id', 'address'])
  await years.passTo('2032-02-29')
  await years.desk.tell('person-1', 'closed')
  await years.passTo('2039-02-28')
  assert.deepEqual(
    await years.readable(ids),
    ids,
    'the anniversary of a leap day is the last of February, kept to its end',
  )
  await years.passTo('2039-03-01')
  assert.deepEqual(await years.readable(ids), [])
  for (const id of ids) {
    const { basis, dueOn, state } = await years.certificate(id)
    assert.deepEqual([basis, dueOn, state], ['term:identity-records', '2039-03-01', 'pending'])
  }
  const person = await years.desk.ask('dpo', 'GET', '/v1/subjects/person-1')
  assert.equal(person.json.code, 'subject.unknown', 'nothing is left of the person, not the reference either')
  await years.passTo('2039-03-09')
  const { backups } = await years.certificate(ids[0] ?? assert.fail())
  assert.equal(backups.passed, true, 'the last backup of the key is gone a week later')
  await years.passTo('2040-01-10')
  await years.assertWhole()
})

test('"longer only where the law requires it": an order keeps them, and their day is over when the order ends', async () => {
  await using years = await openYears('nomor-keluar', '2030-01-10')
  const ids = await years.uploadAll('person-1', ['id', 'address'])
  await years.desk.tell('person-1', 'closed')
  for (const [type, more] of [
    ['dispute.opened', { ref: 'CASE-1' }],
    ['withdrawal.pending', { ref: 'W-1' }],
  ] as const) {
    assert.equal((await years.desk.tell('person-1', type, more)).json.code, 'event.not-offered')
  }
  await years.passTo('2036-12-01')
  const [first] = ids
  const order = { subject: 'person-1', kind: 'legal_order', case: 'WRIT-1', document: first }
  const hold = await years.desk.post('legal', '/v1/holds', order)
  assert.equal(hold.status, 201)
  await years.passTo('2039-01-10')
  assert.deepEqual(await years.readable(ids), [first], 'the order names one paper; the other went on its day')
  const release = `/v1/holds/${hold.json.id}/release`
  assert.equal((await years.desk.post('legal', release, undefined, years.desk.beside('dpo'))).status, 200)
  await years.passTo('2039-01-11')
  assert.deepEqual(await years.readable(ids), [])
  await years.passTo('2040-01-10')
  await years.assertWhole()
})

test('"a request to be deleted is answered within 14 days": with the law and the day on which it ends', async () => {
  await using years = await openYears('nomor-keluar', '2030-01-10')
  const ids = await years.uploadAll('person-1', ['id', 'address'])
  await years.desk.tell('person-1', 'closed')
  await years.passTo('2030-06-01')
  await years.desk.tell('person-1', 'deletion.requested')
  const { answerDueAt } = await years.deletion('person-1')
  assert.equal(answerDueAt, '2030-06-14T17:00:00.000Z', 'by the day in Jakarta that is the fourteenth after it')
  await years.passTo('2030-06-02')
  const { state, papers } = await years.deletion('person-1')
  assert.equal(state, 'answered')
  for (const { outcome, until, basis } of papers) {
    assert.deepEqual([outcome, until, basis.jurisdiction], ['kept', '2035-01-11', 'ID'])
    assert.match(basis.words, /five years/)
  }
  await years.passTo('2035-01-10')
  assert.deepEqual(await years.readable(ids), ids)
  await years.passTo('2035-01-11')
  assert.deepEqual(await years.readable(ids), [], 'five years, not seven: the rest was the choice of the platform')
  await years.passTo('2040-01-10')
  await years.assertWhole()
})

test('"a request after the five years": nothing keeps the papers any more, and they go before the answer is due', async () => {
  await using years = await openYears('nomor-keluar', '2030-01-10')
  const ids = await years.uploadAll('person-1', ['id'])
  await years.desk.tell('person-1', 'closed')
  await years.passTo('2036-02-01')
  await years.desk.tell('person-1', 'deletion.requested')
  await years.passTo('2036-02-05')
  await years.desk.tell('person-1', 'deletion.requested')
  await years.passTo('2036-02-07')
  assert.deepEqual(await years.readable(ids), ids)
  await years.passTo('2036-02-08')
  assert.deepEqual(await years.readable(ids), [], 'asking again lost no day')
  assert.equal((await years.certificate(ids[0] ?? assert.fail())).basis, 'shred:identity-records')
  await years.passTo('2040-01-10')
  await years.assertWhole()
})

test('"no biometrics, no payment papers", and nothing after the closure', async () => {
  await using years = await openYears('nomor-keluar', '2030-01-10')
  await assert.rejects(years.desk.upload('person-1', 'selfie', 'portrait'), /paper\.type-not-allowed/)
  await assert.rejects(years.desk.upload('person-1', 'payment_ownership', 'bank-statement'), /paper\.type-not-allowed/)
  await years.desk.upload('person-1')
  await years.desk.tell('person-1', 'closed')
  await assert.rejects(years.desk.upload('person-1'), /subject\.closed/)
  await years.assertWhole()
})
