import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { DocumentId, PersonId, TenantId } from '../../src/domain/ids.ts'
import type { Role } from '../../src/domain/role.ts'
import { finishPurging } from '../../src/retention/finish-purging.ts'
import type { CallAnswer } from '../support/call.ts'
import { type FileDesk, openFileDesk } from '../support/file-desk.ts'
import { findingsOf } from '../support/house-work.ts'
import { purgeNow } from '../support/purge-work.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { recorded } from '../support/recorded.ts'

/** Who hears of a destruction: whoever might have described the paper before, and nobody else. */

const tenant = 'nomor-keluar' as TenantId
const reason = { 'Vault-Purpose': 'legal', 'Vault-Case': 'E-1' }
let desk: FileDesk
/** Destroyed by the clock, by two people, and not at all; all of them papers of one person. */
let lapsed: DocumentId
let erased: DocumentId
let kept: DocumentId

before(async () => {
  desk = await openFileDesk('nomor-keluar')
  lapsed = await desk.upload('gone')
  await desk.tell('gone', 'closed')
  desk.clock.advance(8 * 366 * 86_400_000)
  erased = await desk.upload('stays')
  kept = await desk.upload('stays', 'address', 'utility-bill')
  await erase(erased)
  const { vault } = desk.opened
  const found = vault.tenants.get(tenant) ?? assert.fail()
  assert.equal(await finishPurging(vault, found, new AbortController().signal), 1)
  assert.equal((await purgeNow(vault, tenant))?.destroyed, 1)
})
after(() => desk[Symbol.asyncDispose]())

async function erase(id: DocumentId): Promise<void> {
  const path = `/v1/documents/${id}/erasure`
  const answer = await desk.post('legal', path, { reason: 'court-order' }, { ...reason, ...desk.beside('dpo') })
  assert.equal(answer.status, 202)
  const seen = await desk.ask('legal', 'GET', answer.headers.get('location') ?? assert.fail())
  assert.deepEqual([seen.status, seen.json.state], [200, 'purging'], 'who decided is told how far it is')
}

const describe = (role: Role, id: DocumentId) => desk.ask(role, 'GET', `/v1/documents/${id}`)
const certificate = (role: Role, id: DocumentId) => desk.ask(role, 'GET', `/v1/documents/${id}/certificate`)

function told(answer: CallAnswer, id: DocumentId): void {
  assert.deepEqual([answer.status, answer.json.code], [410, 'document.purged'], JSON.stringify(answer.json))
  assert.deepEqual([answer.json.tombstone.id, answer.json.tombstone.state], [id, 'purged'])
  assert.equal(answer.json.certificate, `/v1/documents/${id}/certificate`)
  assert.match(answer.headers.get('link') ?? '', new RegExp(`${id}/certificate`))
  for (const name of ['depositedBy', 'decidedBy']) assert.ok(!(name in answer.json.tombstone), name)
}

async function refused(role: Role, id: DocumentId, code = 'role.not-own'): Promise<void> {
  for (const ask of [describe, certificate]) {
    const { status, json } = await ask(role, id)
    assert.deepEqual([status, json.code, json.tombstone], [403, code, undefined], role)
    const last = (await recorded(desk.opened.vault, tenant)).at(-1)
    assert.deepEqual([last?.act, last?.out, last?.why, last?.doc], ['document.describe', 'deny', code, id])
  }
}

for (const role of ['onboarding', 'reviewer', 'senior-reviewer', 'dpo', 'auditor', 'purge'] as const) {
  test(`${role}: what was destroyed answers 410 with its tombstone, and the certificate is shown`, async () => {
    for (const id of [lapsed, erased]) {
      told(await describe(role, id), id)
      const shown = await certificate(role, id)
      assert.deepEqual([shown.status, shown.json.document], [200, id], JSON.stringify(shown.json))
    }
  })
}

test('legal hears of what they decided to destroy, and of no other paper', async () => {
  told(await describe('legal', erased), erased)
  assert.deepEqual((await certificate('legal', erased)).json.kind, 'erasure')
  await refused('legal', lapsed)
  await refused('legal', kept)
  const colleague = await another('legal', 'legal-2')
  assert.equal((await desk.ask('legal', 'GET', `/v1/documents/${erased}`, colleague)).json.code, 'role.not-own')
})

test('support and admin hear nothing, as before: no paper is theirs, and a ticket makes none theirs', async () => {
  for (const id of [kept, lapsed, erased]) {
    await refused('support', id)
    await refused('admin', id, 'role.not-allowed')
    const ticket = await desk.ask('support', 'GET', `/v1/documents/${id}`, { headers: { 'Vault-Case': 'TICKET-1' } })
    assert.deepEqual([ticket.status, ticket.json.code], [403, 'role.not-own'])
  }
})

test('support with a ticket is told that the picture they ask for was destroyed, where their platform shows them pictures', async () => {
  await using other = await openFileDesk('omo7777')
  await other.tell('p', 'tier', { tier: 2 })
  const id = await other.upload('p')
  const ticket = { 'Vault-Purpose': 'kyc', 'Vault-Case': 'TICKET-1' }
  const masked = (headers: Readonly<Record<string, string>>) =>
    other.ask('support', 'GET', `/v1/documents/${id}/content?rendition=masked`, { headers })
  assert.equal((await masked(ticket)).json.code, 'rendition.not-offered')
  await other.tell('p', 'closed')
  other.clock.advance(8 * 366 * 86_400_000)
  assert.equal((await purgeNow(other.opened.vault, 'omo7777' as TenantId))?.destroyed, 1)
  const gone = await masked(ticket)
  assert.deepEqual([gone.status, gone.json.certificate], [410, `/v1/documents/${id}/certificate`])
  assert.equal((await masked({ 'Vault-Purpose': 'kyc' })).json.code, 'case.missing')
})

test('another service of the platform hears nothing of papers that it did not bring', async () => {
  const other = await another('onboarding', 'service-2', 'service')
  for (const path of [`/v1/documents/${lapsed}`, `/v1/documents/${lapsed}/certificate`]) {
    const { status, json } = await desk.ask('onboarding', 'GET', path, other)
    assert.deepEqual([status, json.code], [403, 'role.not-own'])
  }
})

test('for another tenant there is no such paper, whatever the role', async () => {
  for (const role of ['onboarding', 'senior-reviewer', 'dpo', 'legal', 'support', 'auditor', 'purge'] as const) {
    const headers = { Authorization: `Bearer ${desk.opened.key('jnetot', role)}` }
    for (const path of [`/v1/documents/${erased}`, `/v1/documents/${erased}/certificate`]) {
      const { status, json } = await desk.ask(role, 'GET', path, { headers })
      assert.deepEqual([status, json.code], [404, 'document.unknown'], role)
    }
  }
})

test('the platform finds what was destroyed in its list, beside what lives; legal what they decided', async () => {
  const listed = async (role: Role) =>
    (await desk.ask(role, 'GET', '/v1/subjects/stays/documents')).json.items.map(
      ({ id, state }: { id: string; state: string }) => [id, state],
    )
  const all = [
    [erased, 'purged'],
    [kept, 'stored'],
  ]
  assert.deepEqual(await listed('onboarding'), all)
  assert.deepEqual(await listed('legal'), all.slice(0, 1))
})

test('a tombstone from before depositors were kept is nobody’s own: refused, and told to those who see all', async () => {
  const { ledger } = desk.ports
  const row = await desk.document(lapsed)
  assert.ok(row.state === 'purged')
  const { depositedBy, ...bare } = row
  assert.equal(depositedBy, 'first-onboarding-nomor-keluar' as PersonId)
  const put = { ...bare, version: row.version + 1 }
  assert.ok((await ledger.commit(rawGrant, [{ row: 'document', expected: row.version, put }])).done)
  await refused('onboarding', lapsed)
  told(await describe('dpo', lapsed), lapsed)
  told(await describe('purge', lapsed), lapsed)
  const findings = await findingsOf(desk.opened.vault)
  assert.deepEqual(
    findings.map(({ code, document, detail }) => [code, document, detail]),
    [['certificate.differs', lapsed, 'depositedBy']],
    'the certificate says who brought it',
  )
})

test('what is due, or one’s own, is found on whatever page it stands; a page without any is empty, and no refusal', async () => {
  await using other = await openFileDesk('nomor-keluar')
  const ids = [await other.upload('p'), await other.upload('p', 'address', 'utility-bill'), await other.upload('p')]
  await other.post(
    'legal',
    `/v1/documents/${ids[2]}/erasure`,
    { reason: 'court-order' },
    { ...reason, ...other.beside('dpo') },
  )
  for (const role of ['purge', 'legal'] as const) {
    const pages: string[][] = []
    for (let path: string | undefined = '/v1/subjects/p/documents?limit=1'; path; ) {
      const { status, json } = await other.ask(role, 'GET', path)
      assert.equal(status, 200, `${role}: ${json.code}`)
      pages.push(json.items.map(({ id }: { id: string }) => id))
      path = json.next && `/v1/subjects/p/documents?limit=1&cursor=${json.next}`
    }
    assert.deepEqual(pages, [[], [], [ids[2]]], role)
  }
  await other.upload('q')
  const none = await other.ask('purge', 'GET', '/v1/subjects/q/documents')
  assert.deepEqual([none.status, none.json.code], [403, 'role.not-allowed'], 'nothing of theirs is due')
  assert.equal((await other.ask('legal', 'GET', '/v1/subjects/q/documents')).json.code, 'role.not-own')
  assert.equal((await other.ask('support', 'GET', '/v1/subjects/p/documents')).json.code, 'role.not-own')
  assert.equal((await other.ask('purge', 'GET', '/v1/subjects/nobody/documents')).json.code, 'subject.unknown')
})

/** A key of another person of the tenant, as options of a call. */
async function another(role: Role, person: string, kind = 'person') {
  const made = await desk.post('dpo', '/v1/callers', { person, kind, roles: [role] }, desk.beside('legal'))
  assert.equal(made.status, 201, JSON.stringify(made.json))
  return { headers: { Authorization: `Bearer ${made.json.key}` } }
}
