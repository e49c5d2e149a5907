import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { DocumentId, TenantId } from '../../src/domain/ids.ts'
import { finishPurging } from '../../src/retention/finish-purging.ts'
import type { CallAnswer } from '../support/call.ts'
import { bury, type FileDesk, openFileDesk } from '../support/file-desk.ts'
import { recorded } from '../support/recorded.ts'

const dayMs = 86_400_000
const reason = { 'Vault-Purpose': 'legal', 'Vault-Case': 'E-1' }
let desk: FileDesk

before(async () => {
  desk = await openFileDesk('jnetot')
})
after(() => desk[Symbol.asyncDispose]())

const erase = (id: string, why = 'uploaded-in-error', headers: Readonly<Record<string, string>> = {}) =>
  desk.post('dpo', `/v1/documents/${id}/erasure`, { reason: why }, { ...reason, ...desk.beside('legal'), ...headers })
const look = (id: string) =>
  desk.ask('senior-reviewer', 'GET', `/v1/documents/${id}/content`, {
    headers: { 'Vault-Purpose': 'kyc', 'Vault-Case': 'C-1' },
  })

async function refused(answer: CallAnswer, status: number, code: string, id: DocumentId): Promise<void> {
  assert.deepEqual([answer.status, answer.json.code], [status, code], JSON.stringify(answer.json))
  const last = (await recorded(desk.opened.vault, 'jnetot')).at(-1)
  assert.deepEqual([last?.act, last?.out, last?.why], ['document.erase', 'deny', code])
  assert.equal((await desk.document(id)).state, 'stored')
}

test('what two people give up is out of reach at once, and its subject is looked at by the next purge', async () => {
  const id = await desk.upload('error')
  const other = await desk.upload('error', 'address', 'utility-bill')
  assert.equal((await look(id)).status, 200)
  const answer = await erase(id)
  assert.deepEqual([answer.status, answer.headers.get('location')], [202, `/v1/documents/${id}`])
  assert.deepEqual(
    [answer.json.state, answer.json.ground, answer.json.reason],
    ['purging', 'erasure', 'uploaded-in-error'],
  )
  assert.equal((await look(id)).json.code, 'document.purged')
  assert.equal((await look(other)).status, 200)
  const row = await desk.document(id)
  assert.ok(row.state === 'purging')
  const decidedBy = ['first-dpo-jnetot', 'first-legal-jnetot']
  assert.deepEqual([row.purge, row.attempts], [{ kind: 'erasure', basis: 'uploaded-in-error', decidedBy }, 0])
  assert.equal((await desk.subject('error')).lookAtMs, desk.clock.nowMs())
  const entries = (await recorded(desk.opened.vault, 'jnetot')).filter(({ act }) => act === 'document.erase')
  const [intent, outcome] = entries.slice(-2)
  assert.deepEqual([intent?.purpose, intent?.case, intent?.det?.second], ['legal', 'E-1', 'first-legal-jnetot'])
  assert.deepEqual([outcome?.out, outcome?.det?.reason, outcome?.doc], ['done', 'uploaded-in-error', id])
  assert.equal((await erase(id)).json.code, 'document.purged', 'once given up it cannot be given up again')
})

test('an erasure needs a purpose, a case and a second person with the right', async () => {
  const id = await desk.upload('needs')
  const path = `/v1/documents/${id}/erasure`
  const json = { reason: 'court-order' }
  const bare = { 'Vault-Case': 'E-1', ...desk.beside('legal') }
  await refused(await desk.post('dpo', path, json, bare), 403, 'purpose.missing', id)
  await refused(await desk.post('dpo', path, json, { ...bare, 'Vault-Purpose': 'fun' }), 403, 'purpose.not-allowed', id)
  const noCase = { 'Vault-Purpose': 'legal', ...desk.beside('legal') }
  await refused(await desk.post('dpo', path, json, noCase), 403, 'case.missing', id)
  await refused(await desk.post('dpo', path, json, reason), 403, 'role.second-person', id)
  const same = { ...reason, ...desk.beside('dpo') }
  await refused(await desk.post('dpo', path, json, same), 403, 'role.second-person', id)
  const senior = { ...reason, ...desk.beside('senior-reviewer') }
  await refused(await desk.post('dpo', path, json, senior), 403, 'role.second-person', id)
  for (const role of ['onboarding', 'reviewer', 'senior-reviewer', 'support', 'auditor', 'purge', 'admin'] as const) {
    const answer = await desk.post(role, path, json, { ...reason, ...desk.beside('dpo') })
    await refused(answer, 403, 'role.not-allowed', id)
  }
  const asked = await desk.post(
    'dpo',
    '/v1/approvals',
    { action: 'document.erase', target: `document/${id}/court-order` },
    reason,
  )
  await desk.ask('legal', 'POST', `/v1/approvals/${asked.json.id}/votes`, { json: { vote: 'grant' } })
  const approved = { ...reason, 'Vault-Approval': asked.json.id, 'Idempotency-Key': 'approved' }
  assert.equal((await desk.post('dpo', path, json, approved)).status, 202)
  const again = await desk.post('dpo', path, json, approved)
  assert.deepEqual([again.status, again.headers.get('idempotent-replayed')], [202, 'true'])
})

test('who votes for an erasure votes for its reason: no other is put in its place', async () => {
  const id = await desk.upload('reasons')
  const action = 'document.erase'
  const bare = await desk.post('dpo', '/v1/approvals', { action, target: `document/${id}` }, reason)
  assert.deepEqual([bare.status, bare.json.code], [400, 'field.invalid'])
  const target = `document/${id}/subject-request`
  const asked = await desk.post('dpo', '/v1/approvals', { action, target }, reason)
  await desk.ask('legal', 'POST', `/v1/approvals/${asked.json.id}/votes`, { json: { vote: 'grant' } })
  const approved = { ...reason, 'Vault-Approval': asked.json.id }
  const path = `/v1/documents/${id}/erasure`
  const other = await desk.post('dpo', path, { reason: 'court-order' }, approved)
  await refused(other, 403, 'approval.other', id)
})

test('what a hold keeps is not given up, until the hold is released', async () => {
  const id = await desk.upload('held')
  const hold = await desk.post('legal', '/v1/holds', {
    subject: 'held',
    kind: 'legal_order',
    case: 'W-1',
    document: id,
  })
  for (const why of ['uploaded-in-error', 'unlawful-collection', 'subject-request', 'court-order']) {
    await refused(await erase(id, why), 409, 'document.held', id)
  }
  await desk.post('legal', `/v1/holds/${hold.json.id}/release`, undefined, desk.beside('dpo'))
  assert.equal((await erase(id)).status, 202)
})

test('the person’s own request does not shorten the law’s least, a court’s order does', async () => {
  const id = await desk.upload('asked')
  const open = await erase(id, 'subject-request')
  assert.match(open.json.detail, /5 years after the account is closed under UU 8\/2010/)
  await refused(open, 409, 'document.floor', id)
  const closedAtMs = desk.clock.nowMs()
  await desk.tell('asked', 'closed')
  const closed = await erase(id, 'subject-request')
  const law = Temporal.Instant.fromEpochMilliseconds(closedAtMs).toZonedDateTimeISO('Asia/Jakarta').toPlainDate()
  assert.ok(closed.json.detail.includes(law.add({ years: 5 }).add({ days: 1 }).toString()), closed.json.detail)
  await refused(closed, 409, 'document.floor', id)
  assert.equal((await erase(id, 'court-order')).status, 202)
  await using other = await openFileDesk('omo7777')
  await other.tell('p', 'tier', { tier: 2 })
  const selfie = await other.upload('p', 'selfie', 'portrait')
  const headers = { 'Vault-Purpose': 'subject_request', 'Vault-Case': 'E-2', ...other.beside('legal') }
  const gone = await other.post('dpo', `/v1/documents/${selfie}/erasure`, { reason: 'subject-request' }, headers)
  assert.equal(gone.status, 202, 'no law keeps a selfie')
})

test('after the law’s least has passed the person’s request is enough', async () => {
  const id = await desk.upload('old')
  await desk.tell('old', 'closed', { at: new Date(desk.clock.nowMs() - 2_000 * dayMs).toISOString() })
  assert.equal((await erase(id, 'subject-request')).status, 202)
})

test('bad input, unknown papers and those of another platform are refused with their own code', async () => {
  const id = await desk.upload('bad')
  await refused(await erase(id, 'because'), 400, 'field.invalid', id)
  const more = { reason: 'court-order', note: 'free text' }
  await refused(await desk.post('dpo', `/v1/documents/${id}/erasure`, more, reason), 400, 'field.unknown', id)
  const path = `/v1/documents/${id}/erasure`
  await refused(
    await desk.ask('dpo', 'POST', path, { json: { reason: 'court-order' } }),
    400,
    'idempotency.missing',
    id,
  )
  assert.equal((await erase('01a20196-0000-7000-8000-000000000000')).json.code, 'document.unknown')
  const dpo = { Authorization: `Bearer ${desk.opened.key('nomor-keluar', 'dpo')}` }
  const legal = { 'Vault-Second-Authorization': `Bearer ${desk.opened.key('nomor-keluar', 'legal')}` }
  const foreign = await erase(id, 'court-order', { ...dpo, ...legal })
  assert.deepEqual([foreign.status, foreign.json.code], [404, 'document.unknown'])
  assert.equal((await desk.document(id)).state, 'stored')
})

test('a repeated request gives one answer, another under the same key is refused, and the tombstone outlives both', async () => {
  const id = await desk.upload('twice')
  const headers = { 'Idempotency-Key': 'erase-once' }
  const first = await erase(id, 'unlawful-collection', headers)
  const again = await erase(id, 'unlawful-collection', headers)
  assert.deepEqual([again.status, again.headers.get('idempotent-replayed')], [202, 'true'])
  assert.deepEqual(again.json, first.json)
  assert.equal((await erase(id, 'court-order', headers)).json.code, 'idempotency.conflict')
  await bury(desk, 'twice', true)
  const gone = await desk.ask('dpo', 'GET', `/v1/documents/${id}`)
  assert.equal(gone.status, 410)
  const { state, ground, reason: why, subject, kind, media } = gone.json.tombstone
  assert.deepEqual(
    [state, ground, why, subject, kind, media],
    ['purged', 'erasure', 'unlawful-collection', undefined, undefined, undefined],
  )
})

test('the next turn of the purge destroys what was given up, and leaves a certificate and no answer that names it', async () => {
  await using other = await openFileDesk('jnetot')
  const [id, kept] = [await other.upload('p-1'), await other.upload('p-1', 'address', 'utility-bill')]
  const headers = { ...reason, ...other.beside('legal'), 'Idempotency-Key': 'erase-1' }
  const path = `/v1/documents/${id}/erasure`
  assert.equal((await other.post('dpo', path, { reason: 'court-order' }, headers)).status, 202)
  const { vault } = other.opened
  const tenant = vault.tenants.get('jnetot' as TenantId)
  assert.ok(tenant)
  assert.equal(await finishPurging(vault, tenant, new AbortController().signal), 1)
  const gone = await other.ask('dpo', 'GET', `/v1/documents/${id}`)
  const { ground, reason: why } = gone.json.tombstone
  assert.deepEqual([gone.status, ground, why], [410, 'erasure', 'court-order'])
  assert.deepEqual(await vault.ledger.answersOf(tenant.id, { documents: [id] }), [])
  assert.equal(await vault.ledger.findReviewOf(tenant.id, id), undefined)
  assert.equal((await other.ask('dpo', 'GET', `/v1/documents/${kept}`)).status, 200)
  const again = await other.post('dpo', path, { reason: 'court-order' }, headers)
  assert.equal(again.json.code, 'document.purged', 'its answer went with it')
  const { json } = await other.ask('dpo', 'GET', '/v1/subjects/p-1/file')
  assert.deepEqual(
    json.items.map(({ state }: { state: string }) => state),
    ['purged', 'stored'],
  )
})

test('an erasure is destroyed also where an event or a hold on another paper came after it', async () => {
  await using other = await openFileDesk('jnetot')
  const [id, kept] = [await other.upload('p-1'), await other.upload('p-1', 'address', 'utility-bill')]
  const headers = { ...reason, ...other.beside('legal') }
  await other.post('dpo', `/v1/documents/${id}/erasure`, { reason: 'court-order' }, headers)
  await other.tell('p-1', 'tier', { tier: 1 })
  const hold = await other.post('legal', '/v1/holds', { subject: 'p-1', kind: 'legal_order', case: 'W-1' })
  assert.deepEqual(hold.json.tooLate, [id])
  const { vault } = other.opened
  const tenant = vault.tenants.get('jnetot' as TenantId)
  assert.ok(tenant)
  assert.equal(await finishPurging(vault, tenant, new AbortController().signal), 1)
  assert.equal((await other.ask('dpo', 'GET', `/v1/documents/${id}`)).status, 410)
  assert.equal((await other.ask('dpo', 'GET', `/v1/documents/${kept}`)).status, 200)
})

test('no log line names a case, and neither it nor the trail a person as the platform does', async () => {
  assert.ok(!JSON.stringify(desk.opened.lines).includes('E-1'))
  const text = JSON.stringify([await recorded(desk.opened.vault, 'jnetot'), desk.opened.lines])
  for (const name of ['"twice"', '"held"', '"needs"']) assert.ok(!text.includes(name), name)
})
