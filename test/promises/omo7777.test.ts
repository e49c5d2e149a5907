import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openYears } from '../support/years.ts'

/** What omo7777 promised its users, each promise kept over ten years by the real verbs and jobs, as told by a clock that is moved. */

test('"kept 7 years after the account was closed, then destroyed"', async () => {
  await using years = await openYears('omo7777', '2030-01-10')
  const ids = await years.uploadAll('person-1', ['id', 'address', 'selfie'])
  const others = await years.uploadAll('stays', ['id'])
  await years.passTo('2031-03-10')
  assert.deepEqual(await years.readable(ids), ids, 'an open account keeps its papers, whatever their age')
  await years.desk.tell('person-1', 'closed')
  await years.passTo('2038-03-10')
  assert.deepEqual(await years.readable(ids), ids, 'the whole of the last day is kept')
  await years.passTo('2038-03-11')
  assert.deepEqual(await years.readable(ids), [])
  for (const [at, basis] of ['term:identity-records', 'term:identity-records', 'term:consent'].entries()) {
    const certificate = await years.certificate(ids[at] ?? assert.fail())
    assert.deepEqual([certificate.basis, certificate.dueOn, certificate.policyVersion], [basis, '2038-03-11', 1])
  }
  await years.passTo('2040-01-10')
  assert.deepEqual(await years.readable(others), others)
  await years.assertWhole()
})

test('"gone 30 days after the account was closed": who asks has a decision by then, for each paper an end or a named law', async () => {
  await using years = await openYears('omo7777', '2030-01-10')
  const [id, address, selfie] = await years.uploadAll('person-1', ['id', 'address', 'selfie'])
  assert.ok(id && address && selfie)
  await years.desk.tell('person-1', 'deletion.requested')
  await years.passTo('2030-03-10')
  assert.equal((await years.deletion('person-1')).state, 'waiting', 'the days count from the closure')
  await years.desk.tell('person-1', 'closed')
  await years.passTo('2030-03-30')
  assert.deepEqual(await years.readable([selfie]), [selfie])
  await years.passTo('2030-03-31')
  assert.deepEqual(await years.readable([selfie]), [], 'destroyed well before the answer is due')
  await years.passTo('2030-04-08')
  const { state, answeredAt, papers } = await years.deletion('person-1')
  assert.equal(state, 'answered')
  assert.ok(Date.parse(answeredAt) < Date.UTC(2030, 3, 8), 'within 30 days')
  const told = papers.map((paper: { id: string; outcome: string; until: string; basis: { law: string } }) => [
    paper.id,
    paper.outcome,
    paper.until,
    paper.basis.law.slice(0, 24),
  ])
  assert.deepEqual(told, [
    [id, 'kept', '2035-03-11', 'UU 8/2010 Art. 21(2); FA'],
    [address, 'kept', '2035-03-11', 'UU 8/2010 Art. 21(2); FA'],
    [selfie, 'shredded', '2030-03-31', 'UU 27/2022 Art. 20(2)(a)'],
  ])
  assert.deepEqual(await years.readable([id, address, selfie]), [id, address])
  await years.passTo('2035-03-10')
  assert.deepEqual(await years.readable([id, address]), [id, address], 'five years by law')
  await years.passTo('2035-03-11')
  assert.deepEqual(await years.readable([id, address]), [])
  assert.equal((await years.certificate(id)).basis, 'floor:identity-records')
  await years.passTo('2040-01-10')
  await years.assertWhole()
})

test('"nothing but an order of the law keeps a paper longer"', async () => {
  await using years = await openYears('omo7777', '2030-01-10')
  const ids = await years.uploadAll('person-1', ['id'])
  await years.desk.tell('person-1', 'closed')
  const dispute = await years.desk.tell('person-1', 'dispute.opened', { ref: 'CASE-1' })
  assert.equal(dispute.json.code, 'event.not-offered')
  const order = { subject: 'person-1', kind: 'legal_order', case: 'WRIT-1' }
  const hold = await years.desk.post('legal', '/v1/holds', order)
  assert.equal(hold.status, 201)
  await years.passTo('2038-06-01')
  assert.deepEqual(await years.readable(ids), ids, 'a year and more after its day')
  const alone = await years.desk.post('legal', `/v1/holds/${hold.json.id}/release`)
  assert.equal(alone.json.code, 'role.second-person')
  const released = await years.desk.post(
    'legal',
    `/v1/holds/${hold.json.id}/release`,
    undefined,
    years.desk.beside('dpo'),
  )
  assert.equal(released.status, 200)
  await years.passTo('2038-06-02')
  assert.deepEqual(await years.readable(ids), [])
  await years.passTo('2040-01-10')
  await years.assertWhole()
})

test('"the clock begins with the closure": who comes back stops it, and the next closure begins it anew', async () => {
  await using years = await openYears('omo7777', '2030-01-10')
  const ids = await years.uploadAll('person-1', ['id', 'selfie'])
  await years.desk.tell('person-1', 'closed')
  await years.desk.tell('person-1', 'deletion.requested')
  await years.passTo('2030-01-20')
  await years.desk.tell('person-1', 'reopened')
  await years.passTo('2032-02-29')
  assert.deepEqual(await years.readable(ids), ids, 'the request lapsed with the reopening')
  await years.desk.tell('person-1', 'closed')
  await years.passTo('2039-02-28')
  assert.deepEqual(await years.readable(ids), ids)
  await years.passTo('2039-03-01')
  assert.deepEqual(await years.readable(ids), [])
  await years.passTo('2040-01-10')
  await years.assertWhole()
})

test('"collected only from tier 2 on", "no payment papers", and nothing after the closure', async () => {
  await using years = await openYears('omo7777', '2030-01-10')
  await assert.rejects(years.desk.upload('person-1'), /paper\.tier-too-low/)
  await years.desk.tell('person-1', 'tier', { tier: 2 })
  await assert.rejects(years.desk.upload('person-1', 'payment_ownership', 'bank-statement'), /paper\.type-not-allowed/)
  await years.desk.upload('person-1')
  await years.desk.tell('person-1', 'closed')
  await assert.rejects(years.desk.upload('person-1', 'address', 'rental-contract'), /subject\.closed/)
  await years.passTo('2037-01-11')
  await years.assertWhole()
})
