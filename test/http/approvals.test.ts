import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { approvalLivesMs, lookLivesMs } from '../../src/domain/approval.ts'
import type { Role } from '../../src/domain/role.ts'
import { type CallAnswer, call, paper } from '../support/call.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { openVault, type TestVault } from '../support/open-vault.ts'
import { drawIdCard } from '../support/papers.ts'
import { recorded } from '../support/recorded.ts'

const tenant = 'jnetot'
const reason = { 'Vault-Purpose': 'legal', 'Vault-Case': 'warrant-7' }
const clock = new ManualClock(Date.now())
let opened: TestVault
let document: string
let asked = 0

before(async () => {
  opened = await openVault({ clock })
  const file = await drawIdCard(600)
  const uploaded = await call(opened.door.url, 'POST', '/v1/subjects/p-1/documents', {
    key: opened.key(tenant, 'onboarding'),
    headers: { 'Idempotency-Key': 'upload-1' },
    body: paper({ type: 'id', kind: 'passport' }, file),
  })
  assert.equal(uploaded.status, 201)
  document = uploaded.json.id
})
after(() => opened[Symbol.asyncDispose]())

const as = (role: Role) => opened.key(tenant, role)

function ask(role: Role, action: string, target: string, headers: Record<string, string> = reason) {
  const json = { action, target }
  const idempotency = { 'Idempotency-Key': `ask-${++asked}` }
  return call(opened.door.url, 'POST', '/v1/approvals', {
    key: as(role),
    headers: { ...headers, ...idempotency },
    json,
  })
}

function vote(role: Role, { json: { id } }: CallAnswer, choice = 'grant') {
  return call(opened.door.url, 'POST', `/v1/approvals/${id}/votes`, { key: as(role), json: { vote: choice } })
}

function look(role: Role, approval: CallAnswer, headers: Record<string, string> = {}) {
  return call(opened.door.url, 'GET', `/v1/documents/${document}/content`, {
    key: as(role),
    headers: { ...reason, 'Vault-Approval': approval.json.id, ...headers },
  })
}

const opening = () => ask('dpo', 'document.open.original', `document/${document}`)

test('a DPO opens an original once another person voted for that look, for an hour, and every step is on record', async () => {
  const plain = await call(opened.door.url, 'GET', `/v1/documents/${document}/content`, {
    key: as('dpo'),
    headers: reason,
  })
  assert.deepEqual([plain.status, plain.json.code], [403, 'role.second-person'])
  const approval = await opening()
  assert.deepEqual([approval.status, approval.json.state], [201, 'pending'])
  const early = await look('dpo', approval)
  assert.deepEqual([early.status, early.json.code], [403, 'approval.pending'])
  const granted = await vote('legal', approval)
  assert.deepEqual([granted.status, granted.json.state], [201, 'granted'])
  assert.equal((await look('dpo', approval)).status, 200)
  assert.equal((await look('dpo', approval, { Range: 'bytes=0-9' })).status, 206)
  const entries = (await recorded(opened.vault, tenant)).filter(({ det }) => det?.approval === approval.json.id)
  assert.deepEqual(
    entries.map(({ act, out, why }) => [act, out, why]),
    [
      ['approval.ask', 'done', undefined],
      ['document.open.original', 'deny', 'approval.pending'],
      ['approval.vote', 'allow', undefined],
      ['document.open.original', 'allow', undefined],
      ['document.open.original', 'allow', undefined],
    ],
  )
  assert.ok(
    entries.filter(({ out, act }) => out === 'allow' && act !== 'approval.vote').every(({ det }) => det?.second),
  )
  clock.advance(lookLivesMs)
  const late = await look('dpo', approval)
  assert.deepEqual([late.status, late.json.code], [410, 'approval.ended'])
})

test('an approval is for its asker, action, thing, purpose and case alone', async () => {
  const approval = await opening()
  await vote('legal', approval)
  const stranger = await look('legal', approval)
  assert.deepEqual([stranger.status, stranger.json.code], [403, 'approval.other'])
  for (const headers of [{ 'Vault-Case': 'warrant-8' }, { 'Vault-Purpose': 'kyc' }]) {
    const other = await look('dpo', approval, headers)
    assert.deepEqual([other.status, other.json.code], [403, 'approval.other'])
  }
  const revoke = await call(opened.door.url, 'POST', `/v1/callers/${'0'.repeat(16)}/revoke`, {
    key: as('dpo'),
    headers: { 'Vault-Approval': approval.json.id },
  })
  assert.deepEqual([revoke.status, revoke.json.code], [404, 'caller.unknown'])
  const unknown = await look('dpo', { ...approval, json: { id: '01890a5d-ac96-774b-bcce-b302099a8057' } })
  assert.deepEqual([unknown.status, unknown.json.code], [404, 'approval.unknown'])
  const elsewhere = await call(opened.door.url, 'GET', `/v1/approvals/${approval.json.id}`, {
    key: opened.key('omo7777', 'dpo'),
  })
  assert.deepEqual([elsewhere.status, elsewhere.json.code], [404, 'approval.unknown'])
})

test('nobody votes on their own request, under whatever credential, nor without the right that is asked for', async () => {
  const approval = await opening()
  const own = await vote('dpo', approval)
  assert.deepEqual([own.status, own.json.code], [403, 'approval.own'])
  const { person } = (await call(opened.door.url, 'GET', '/v1/callers', { key: as('admin') })).json.items.find(
    (caller: { roles: string[] }) => caller.roles.includes('dpo'),
  )
  const made = await call(opened.door.url, 'POST', '/v1/callers', {
    key: as('admin'),
    headers: { 'Vault-Second-Authorization': `Bearer ${as('legal')}` },
    json: { person, kind: 'person', roles: ['legal'] },
  })
  const again = await call(opened.door.url, 'POST', `/v1/approvals/${approval.json.id}/votes`, {
    key: made.json.key,
    json: { vote: 'grant' },
  })
  assert.deepEqual([again.status, again.json.code], [403, 'approval.own'])
  const admin = await vote('admin', approval)
  assert.deepEqual([admin.status, admin.json.code], [403, 'role.second-person'])
  const reviewer = await vote('reviewer', approval)
  assert.deepEqual([reviewer.status, reviewer.json.code], [403, 'role.not-allowed'])
})

test('one vote counts: repeated it changes nothing, another person comes too late, and a refusal is final', async () => {
  const approval = await opening()
  assert.equal((await vote('legal', approval, 'refuse')).json.state, 'refused')
  assert.equal((await vote('legal', approval, 'refuse')).json.state, 'refused')
  const turned = await vote('legal', approval)
  assert.deepEqual([turned.status, turned.json.code], [409, 'approval.voted'])
  const used = await look('dpo', approval)
  assert.deepEqual([used.status, used.json.code], [410, 'approval.ended'])
  const late = await opening()
  clock.advance(approvalLivesMs)
  const tooLate = await vote('legal', late)
  assert.deepEqual([tooLate.status, tooLate.json.code], [410, 'approval.ended'])
  const shown = await call(opened.door.url, 'GET', `/v1/approvals/${late.json.id}`, { key: as('auditor') })
  assert.equal(shown.json.state, 'ended')
})

test('an approval of one effect is used once, by whichever of many requests comes first', async () => {
  const target = 'new-key/rev-9/person/reviewer'
  const approval = await ask('admin', 'caller.manage', target, {})
  await vote('dpo', approval)
  const make = (person: string) =>
    call(opened.door.url, 'POST', '/v1/callers', {
      key: as('admin'),
      headers: { 'Vault-Approval': approval.json.id },
      json: { person, kind: 'person', roles: ['reviewer'] },
    })
  const other = await make('rev-8')
  assert.deepEqual([other.status, other.json.code], [403, 'approval.other'])
  const answers = await Promise.all(Array.from({ length: 8 }, () => make('rev-9')))
  assert.deepEqual(
    answers.map(({ status }) => status).sort((a, b) => a - b),
    [201, 410, 410, 410, 410, 410, 410, 410],
  )
  const items = (await call(opened.door.url, 'GET', '/v1/callers', { key: as('admin') })).json.items
  assert.equal(items.filter((caller: { person: string }) => caller.person === 'rev-9').length, 1)
})

test('a voter whose key was revoked lends nobody any more', async () => {
  const made = await call(opened.door.url, 'POST', '/v1/callers', {
    key: as('admin'),
    headers: { 'Vault-Second-Authorization': `Bearer ${as('dpo')}` },
    json: { person: 'counsel-2', kind: 'person', roles: ['legal'] },
  })
  const approval = await opening()
  const voted = await call(opened.door.url, 'POST', `/v1/approvals/${approval.json.id}/votes`, {
    key: made.json.key,
    json: { vote: 'grant' },
  })
  assert.equal(voted.status, 201)
  await call(opened.door.url, 'POST', `/v1/callers/${made.json.caller.keyId}/revoke`, {
    key: as('admin'),
    headers: { 'Vault-Second-Authorization': `Bearer ${as('dpo')}` },
  })
  const used = await look('dpo', approval)
  assert.deepEqual([used.status, used.json.code], [410, 'approval.ended'])
})

test('what needs nobody, what nobody may do, and what has another form cannot be asked for', async () => {
  const rows: readonly [Role, string, string, Record<string, string>, number, string][] = [
    ['senior-reviewer', 'document.open.original', `document/${document}`, reason, 400, 'field.invalid'],
    ['dpo', 'document.open.original', 'document/x', reason, 400, 'field.invalid'],
    ['dpo', 'document.open.original', `document/${document}`, {}, 403, 'purpose.missing'],
    ['dpo', 'document.open.original', `document/${document}`, { 'Vault-Purpose': 'legal' }, 403, 'case.missing'],
    ['admin', 'document.erase', `document/${document}/court-order`, reason, 403, 'role.not-allowed'],
    ['reviewer', 'document.open.original', `document/${document}`, reason, 403, 'role.not-allowed'],
    ['dpo', 'policy.change', 'policy', {}, 400, 'field.invalid'],
  ]
  for (const [role, action, target, headers, status, code] of rows) {
    const answer = await ask(role, action, target, headers)
    assert.deepEqual([answer.status, answer.json.code], [status, code], `${role} ${action}`)
  }
  const malformed = await look('dpo', { ...(await opening()), json: { id: 'x' } })
  assert.deepEqual([malformed.status, malformed.json.code], [400, 'field.invalid'])
})

test('a repeated request with the same key is the same approval', async () => {
  const request = () =>
    call(opened.door.url, 'POST', '/v1/approvals', {
      key: as('dpo'),
      headers: { ...reason, 'Idempotency-Key': 'same' },
      json: { action: 'document.open.original', target: `document/${document}` },
    })
  const [first, second] = [await request(), await request()]
  assert.equal(first.json.id, second.json.id)
  assert.equal(second.headers.get('idempotent-replayed'), 'true')
})
