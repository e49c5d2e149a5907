import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TenantId } from '../../src/domain/ids.ts'
import { runPurgesOfAll } from '../../src/jobs/purge-turns.ts'
import { nightOf, openYears } from '../support/years.ts'

/** What JNETOT promised its users, each promise kept over ten years by the real verbs and jobs, as told by a clock that is moved. */

const noSignal = new AbortController().signal

test('"kept 7 years after the account was closed, then destroyed"', async () => {
  await using years = await openYears('jnetot', '2030-01-10')
  const ids = await years.uploadAll('person-1', ['id', 'address', 'payment_ownership'])
  await years.passTo('2030-12-31')
  await years.desk.tell('person-1', 'closed')
  await years.passTo('2037-12-31')
  assert.deepEqual(await years.readable(ids), ids)
  await years.passTo('2038-01-01')
  assert.deepEqual(await years.readable(ids), [])
  const { basis, dueOn } = await years.certificate(ids[2] ?? assert.fail())
  assert.deepEqual([basis, dueOn], ['term:account-records', '2038-01-01'])
  await years.passTo('2040-01-10')
  await years.assertWhole()
})

test('"a dispute keeps the papers until it is resolved", however late either is told', async () => {
  await using years = await openYears('jnetot', '2030-01-10')
  const ids = await years.uploadAll('person-1', ['id', 'payment_ownership'])
  await years.desk.tell('person-1', 'closed')
  await years.passTo('2036-12-01')
  await years.desk.tell('person-1', 'dispute.opened', { ref: 'CASE-1' })
  await years.desk.tell('person-1', 'dispute.opened', { ref: 'CASE-2' })
  await years.passTo('2038-01-10')
  assert.deepEqual(await years.readable(ids), ids, 'a year after their day')
  await years.desk.tell('person-1', 'dispute.resolved', { ref: 'CASE-1' })
  await years.passTo('2038-02-10')
  assert.deepEqual(await years.readable(ids), ids, 'the other dispute is open still')
  await years.desk.tell('person-1', 'dispute.resolved', { ref: 'CASE-2', at: '2038-01-05T00:00:00Z' })
  await years.passTo('2038-02-11')
  assert.deepEqual(await years.readable(ids), [])
  await years.passTo('2040-01-10')
  await years.assertWhole()
})

test('"a pending withdrawal keeps the papers until it is settled"', async () => {
  await using years = await openYears('jnetot', '2030-01-10')
  const ids = await years.uploadAll('person-1', ['id', 'payment_ownership'])
  await years.desk.tell('person-1', 'withdrawal.pending', { ref: 'W-1' })
  await years.desk.tell('person-1', 'closed')
  await years.desk.tell('person-1', 'deletion.requested')
  await years.passTo('2035-06-01')
  assert.deepEqual(await years.readable(ids), ids, 'past the five years that were left after the request')
  await years.desk.tell('person-1', 'withdrawal.settled', { ref: 'W-1' })
  await years.passTo('2035-06-02')
  assert.deepEqual(await years.readable(ids), [])
  assert.equal((await years.certificate(ids[1] ?? assert.fail())).basis, 'floor:account-records')
  await years.passTo('2040-01-10')
  await years.assertWhole()
})

test('"a legal order keeps the papers until two people say that it has ended"', async () => {
  await using years = await openYears('jnetot', '2030-01-10')
  const ids = await years.uploadAll('person-1', ['id', 'address'])
  await years.desk.tell('person-1', 'closed')
  const order = { subject: 'person-1', kind: 'legal_order', case: 'WRIT-1' }
  const hold = await years.desk.post('legal', '/v1/holds', order)
  await years.passTo('2039-12-01')
  assert.deepEqual(await years.readable(ids), ids, 'no time ends it')
  const release = `/v1/holds/${hold.json.id}/release`
  assert.equal((await years.desk.post('legal', release)).json.code, 'role.second-person')
  assert.equal((await years.desk.post('legal', release, undefined, years.desk.beside('legal'))).status, 403)
  await years.passTo('2039-12-02')
  assert.deepEqual(await years.readable(ids), ids)
  assert.equal((await years.desk.post('legal', release, undefined, years.desk.beside('dpo'))).status, 200)
  await years.passTo('2039-12-03')
  assert.deepEqual(await years.readable(ids), [])
  await years.assertWhole()
})

test('"a request to be deleted is answered within 30 days", and what the law keeps goes after five years', async () => {
  await using years = await openYears('jnetot', '2030-01-10')
  const ids = await years.uploadAll('person-1', ['id', 'address', 'payment_ownership'])
  await years.desk.tell('person-1', 'deletion.requested')
  await years.desk.tell('person-1', 'closed')
  assert.equal((await years.deletion('person-1')).answerDueAt, '2030-02-08T17:00:00.000Z')
  await years.passTo('2030-01-11')
  const { state, papers } = await years.deletion('person-1')
  assert.equal(state, 'answered')
  for (const { outcome, until } of papers) assert.deepEqual([outcome, until], ['kept', '2035-01-11'])
  await years.passTo('2035-01-10')
  assert.deepEqual(await years.readable(ids), ids)
  await years.passTo('2035-01-11')
  assert.deepEqual(await years.readable(ids), [])
  await years.passTo('2040-01-10')
  await years.assertWhole()
})

test('"a second person looks at each list before anything is destroyed"', async () => {
  await using years = await openYears('jnetot', '2030-01-10')
  const { desk } = years
  const ids = await years.uploadAll('person-1', ['id'])
  await desk.tell('person-1', 'closed')
  await years.passTo('2037-01-10')
  desk.clock.advance(nightOf('2037-01-11') - desk.clock.nowMs())
  assert.equal(await runPurgesOfAll(desk.opened.vault, noSignal), 0)
  assert.deepEqual(await years.readable(ids), ids, 'due, and nobody has looked at the list')
  const [run] = (await desk.ask('dpo', 'GET', '/v1/purge-runs')).json.items
  assert.deepEqual([run.state, run.count], ['planned', 1])
  const { planHash } = run
  assert.equal((await desk.post('purge', '/v1/purge-runs', { step: 'execute', planHash })).json.code, 'purge.state')
  assert.equal((await desk.post('dpo', `/v1/purge-runs/${run.id}/approval`, { planHash })).status, 200)
  assert.equal(await runPurgesOfAll(desk.opened.vault, noSignal), 1)
  assert.deepEqual(await years.readable(ids), [])
  const kept = await desk.opened.vault.ledger.findDocument('jnetot' as TenantId, ids[0] ?? assert.fail())
  assert.deepEqual(Object.keys(kept ?? {}).sort(), [
    'basis',
    'certificate',
    'closedAtMs',
    'depositedBy',
    'id',
    'policyVersion',
    'purgedAtMs',
    'state',
    'storedAtMs',
    'subject',
    'tenant',
    'type',
    'version',
  ])
  await years.assertWhole()
})

test('"no picture of a face", and nothing after the closure', async () => {
  await using years = await openYears('jnetot', '2030-01-10')
  await assert.rejects(years.desk.upload('person-1', 'selfie', 'portrait'), /paper\.type-not-allowed/)
  await years.desk.upload('person-1')
  await years.desk.tell('person-1', 'closed')
  await assert.rejects(years.desk.upload('person-1', 'payment_ownership', 'bank-statement'), /subject\.closed/)
  await years.assertWhole()
})
