import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type CallAnswer, call, paper } from '../support/call.ts'
import { findingsOf } from '../support/house-work.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { openVault, type TestVault } from '../support/open-vault.ts'
import { drawIdCard } from '../support/papers.ts'
import { recorded } from '../support/recorded.ts'

const tenant = 'jnetot'
const clock = new ManualClock(Date.now())
let opened: TestVault
let senior: string
let other: string
let n = 0

before(async () => {
  opened = await openVault({ clock })
  senior = opened.key(tenant, 'senior-reviewer')
  const made = await call(opened.door.url, 'POST', '/v1/callers', {
    key: opened.key(tenant, 'admin'),
    headers: { 'Vault-Second-Authorization': `Bearer ${opened.key(tenant, 'dpo')}` },
    json: { person: 'senior-2', kind: 'person', roles: ['senior-reviewer'] },
  })
  assert.equal(made.status, 201)
  other = made.json.key
})
after(() => opened[Symbol.asyncDispose]())

const beside = (key: string) => ({ 'Vault-Second-Authorization': `Bearer ${key}` })

function post(key: string, path: string, json: unknown, headers: Record<string, string> = {}): Promise<CallAnswer> {
  const idempotency = { 'Idempotency-Key': `request-${++n}` }
  return call(opened.door.url, 'POST', path, { key, headers: { ...idempotency, ...headers }, json })
}

const get = (key: string, path: string) => call(opened.door.url, 'GET', path, { key })

async function uploaded(): Promise<string> {
  const body = paper({ type: 'id', kind: 'passport' }, await drawIdCard(800 + ++n))
  const headers = { 'Idempotency-Key': `upload-${n}` }
  const key = opened.key(tenant, 'onboarding')
  const answer = await call(opened.door.url, 'POST', `/v1/subjects/p-${n}/documents`, { key, headers, body })
  assert.equal(answer.status, 201)
  return answer.json.id
}

const approve = { decision: 'approve', reasons: ['matches-subject'] }
const reject = { decision: 'reject', reasons: ['tampered'] }

/** A paper whose review was decided. @returns the review's path */
async function decided(): Promise<{ readonly document: string; readonly path: string }> {
  const document = await uploaded()
  const answer = await post(senior, `/v1/documents/${document}/reviews`, approve)
  assert.equal(answer.status, 201)
  return { document, path: `/v1/reviews/${answer.json.id}/override` }
}

test('two senior reviewers put the other decision in the place of one; both show, and a repeated request is one', async () => {
  const { document, path } = await decided()
  const before = await get(senior, `/v1/documents/${document}`)
  const again = { ...beside(other), 'Idempotency-Key': 'override-1' }
  const done = await post(senior, path, reject, again)
  assert.deepEqual([done.status, done.json.state], [201, 'rejected'])
  assert.equal(done.headers.get('location'), `/v1/documents/${document}`)
  const { by, second, reasons } = done.json.decision
  assert.deepEqual([by, second, reasons], ['first-senior-reviewer-jnetot', 'senior-2', ['tampered']])
  assert.deepEqual([done.json.overridden.state, done.json.overridden.reasons], ['approved', ['matches-subject']])
  const replayed = await post(senior, path, reject, again)
  assert.deepEqual([replayed.status, replayed.headers.get('idempotent-replayed')], [201, 'true'])
  assert.deepEqual(replayed.json, done.json)
  const alone = await post(senior, path, reject, { 'Idempotency-Key': 'override-1' })
  assert.deepEqual(
    [alone.status, alone.json],
    [201, done.json],
    'what was granted to two is told again to the one who asked',
  )
  const conflict = await post(senior, path, { ...reject, reasons: ['expired'] }, again)
  assert.deepEqual([conflict.status, conflict.json.code], [422, 'idempotency.conflict'])
  const after = await get(senior, `/v1/documents/${document}`)
  assert.equal(after.json.review.state, 'rejected')
  assert.notEqual(after.headers.get('etag'), before.headers.get('etag'))
  const back = await post(other, path, approve, beside(senior))
  assert.deepEqual([back.status, back.json.state, back.json.overridden.state], [201, 'approved', 'rejected'])
  const listed = (await get(senior, '/v1/reviews?state=approved')).json.items
  assert.ok(listed.some((review: { document: string }) => review.document === document))
  const entries = (await recorded(opened.vault, tenant)).filter(({ act }) => act === 'review.override')
  assert.deepEqual(
    entries.filter(({ out }) => out === 'allow').map(({ doc, det }) => [doc, det?.decision, det?.second]),
    [
      [document, 'reject', 'senior-2'],
      [document, 'reject', 'senior-2'],
      [document, 'reject', undefined],
      [document, 'reject', 'senior-2'],
      [document, 'approve', 'first-senior-reviewer-jnetot'],
    ],
  )
  assert.deepEqual(await findingsOf(opened.vault), [])
})

test('whoever is alone, the same person twice, or not a senior reviewer overrides nothing', async () => {
  const { path } = await decided()
  const rows: readonly [string, Record<string, string>, number, string][] = [
    [senior, {}, 403, 'role.second-person'],
    [senior, beside(senior), 403, 'role.second-person'],
    [senior, beside(opened.key(tenant, 'reviewer')), 403, 'role.second-person'],
    [senior, beside(opened.key(tenant, 'dpo')), 403, 'role.second-person'],
    [senior, beside(opened.key('omo7777', 'senior-reviewer')), 403, 'role.second-person'],
    [opened.key(tenant, 'reviewer'), beside(senior), 403, 'role.not-allowed'],
    [opened.key(tenant, 'dpo'), beside(senior), 403, 'role.not-allowed'],
    [opened.key('omo7777', 'senior-reviewer'), beside(other), 404, 'review.unknown'],
  ]
  for (const [key, headers, status, code] of rows) {
    const answer = await post(key, path, reject, headers)
    assert.deepEqual([answer.status, answer.json.code], [status, code])
  }
})

test('what is not decided, decided the same, or has no reason that fits is refused, and nothing changes', async () => {
  const { document, path } = await decided()
  const open = await uploaded()
  const pending = (await get(senior, '/v1/reviews?state=pending')).json.items.find(
    (review: { document: string }) => review.document === open,
  )
  const rows: readonly [string, unknown, number, string][] = [
    [`/v1/reviews/${pending.id}/override`, reject, 409, 'review.open'],
    [path, approve, 409, 'review.same'],
    [path, { ...reject, reasons: [] }, 422, 'review.reason'],
    [path, { ...reject, reasons: ['matches-subject'] }, 422, 'review.reason'],
    ['/v1/reviews/01890a5d-ac96-774b-bcce-b302099a8057/override', reject, 404, 'review.unknown'],
  ]
  for (const [at, json, status, code] of rows) {
    const answer = await post(senior, at, json, beside(other))
    assert.deepEqual([answer.status, answer.json.code], [status, code], at)
  }
  assert.equal((await get(senior, `/v1/documents/${document}`)).json.review.state, 'approved')
})

test('of many who override at once one does, and the others are told', async () => {
  const { path } = await decided()
  const answers = await Promise.all(Array.from({ length: 6 }, () => post(senior, path, reject, beside(other))))
  assert.equal(answers.filter(({ status }) => status === 201).length, 1)
  for (const { status, json } of answers) {
    if (status !== 201) assert.ok(status === 409 && ['ledger.conflict', 'review.same'].includes(json.code), json.code)
  }
  assert.deepEqual(await findingsOf(opened.vault), [])
})

test('a vote that was asked for before the decision that stands now is for another one', async () => {
  const { path } = await decided()
  const review = path.split('/')[3]
  const asked = await post(senior, '/v1/approvals', { action: 'review.override', target: `review/${review}/reject` })
  assert.equal(asked.status, 201)
  await post(other, `/v1/approvals/${asked.json.id}/votes`, { vote: 'grant' })
  clock.advance(1_000)
  assert.equal((await post(senior, path, reject, beside(other))).status, 201)
  assert.equal((await post(senior, path, approve, beside(other))).status, 201)
  const late = await post(senior, path, reject, { 'Vault-Approval': asked.json.id })
  assert.deepEqual([late.status, late.json.code], [410, 'approval.ended'])
})

test('the decision about a paper that is being destroyed stays as it is', async () => {
  const { document, path } = await decided()
  const why = { 'Vault-Purpose': 'legal', 'Vault-Case': 'C-1', ...beside(opened.key(tenant, 'legal')) }
  const erased = await post(
    opened.key(tenant, 'dpo'),
    `/v1/documents/${document}/erasure`,
    { reason: 'court-order' },
    why,
  )
  assert.equal(erased.status, 202)
  const answer = await post(senior, path, reject, beside(other))
  assert.deepEqual([answer.status, answer.json.code], [410, 'document.purged'])
})
