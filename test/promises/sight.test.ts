import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { DocumentId } from '../../src/domain/ids.ts'
import { roles } from '../../src/domain/role.ts'
import { type FileDesk, openFileDesk } from '../support/file-desk.ts'
import { isSomewhere } from '../support/is-somewhere.ts'
import type { TenantName } from '../support/open-vault.ts'
import { recorded } from '../support/recorded.ts'

/** What each platform promised of who sees a paper: for which purposes, what support sees, and that nobody else does. */

const all = ['kyc', 'aml_fraud', 'fraud', 'dispute', 'legal', 'regulatory', 'subject_request', 'marketing', 'training']
const ofTwo = ['kyc', 'aml_fraud', 'dispute', 'legal', 'subject_request']
const promised: Readonly<Record<TenantName, { readonly purposes: readonly string[]; readonly support: string }>> = {
  'nomor-keluar': { purposes: ofTwo, support: 'support staff see nothing' },
  omo7777: {
    purposes: ['kyc', 'fraud', 'regulatory', 'subject_request'],
    support: 'support staff see a masked picture at most, bound to a ticket',
  },
  jnetot: { purposes: ofTwo, support: 'support staff see nothing' },
}

for (const [name, { purposes, support }] of Object.entries(promised)) {
  const tenant = name as TenantName
  suite(tenant, () => {
    let desk: FileDesk
    let id: DocumentId
    before(async () => {
      desk = await openFileDesk(tenant)
      await desk.tell('person-1', 'tier', { tier: 2 })
      id = await desk.upload('person-1')
    })
    after(() => desk[Symbol.asyncDispose]())

    const look = (role: (typeof roles)[number], headers: Readonly<Record<string, string>>, rendition = 'original') =>
      desk.ask(role, 'GET', `/v1/documents/${id}/content?rendition=${rendition}`, { headers })
    const lastEntry = async () => (await recorded(desk.opened.vault, tenant)).at(-1)

    test(`"papers are looked at for ${purposes.join(', ')} only", and each look is on record with its purpose and case`, async () => {
      for (const purpose of purposes) {
        const headers = { 'Vault-Purpose': purpose, 'Vault-Case': `CASE/${purpose}` }
        assert.equal((await look('senior-reviewer', headers)).status, 200, purpose)
        const inCase = (await recorded(desk.opened.vault, tenant)).filter(one => one.case === `CASE/${purpose}`)
        const entry = inCase.find(({ out }) => out === 'allow')
        assert.deepEqual(
          [entry?.act, entry?.out, entry?.doc, entry?.purpose, entry?.case],
          ['document.open.original', 'allow', id, purpose, `CASE/${purpose}`],
        )
      }
      for (const purpose of all.filter(one => !purposes.includes(one))) {
        const { status, json } = await look('senior-reviewer', { 'Vault-Purpose': purpose, 'Vault-Case': 'CASE-1' })
        assert.deepEqual([status, json.code, json.allowed], [403, 'purpose.not-allowed', purposes], purpose)
        assert.deepEqual([(await lastEntry())?.out, (await lastEntry())?.why], ['deny', 'purpose.not-allowed'])
      }
      assert.equal((await look('senior-reviewer', { 'Vault-Case': 'CASE-1' })).json.code, 'purpose.missing')
      assert.equal((await look('senior-reviewer', { 'Vault-Purpose': 'kyc' })).json.code, 'case.missing')
    })

    test(`"${support}"`, async () => {
      const ticket = { 'Vault-Purpose': 'kyc', 'Vault-Case': 'TICKET-1' }
      for (const rendition of ['original', 'preview']) {
        const { status, json } = await look('support', ticket, rendition)
        assert.deepEqual([status, json.code], [403, 'role.not-allowed'], rendition)
      }
      for (const path of [`/v1/documents/${id}`, '/v1/subjects/person-1/documents', '/v1/subjects/person-1']) {
        const { status, json } = await desk.ask('support', 'GET', path)
        assert.deepEqual([status, json.code], [403, 'role.not-own'], path)
      }
      const masked = await look('support', ticket, 'masked')
      if (tenant !== 'omo7777') {
        assert.deepEqual([masked.status, masked.json.code], [403, 'tenant.rule'])
        return
      }
      const withoutTicket = await look('support', { 'Vault-Purpose': 'kyc' }, 'masked')
      assert.deepEqual([withoutTicket.status, withoutTicket.json.code], [403, 'case.missing'])
      assert.equal(masked.headers.get('content-type'), 'application/problem+json', 'until there are masked pictures')
    })

    test('"no other platform sees the papers", whoever asks there, and for it there are none', async () => {
      const others = Object.keys(promised).filter(one => one !== tenant) as TenantName[]
      for (const other of others) {
        for (const role of roles.filter(one => one !== 'system')) {
          const key = desk.opened.key(other, role)
          const headers = { Authorization: `Bearer ${key}`, 'Vault-Purpose': 'kyc', 'Vault-Case': 'CASE-1' }
          for (const path of [`/v1/documents/${id}`, `/v1/documents/${id}/content`, '/v1/subjects/person-1']) {
            const { status, json } = await desk.ask(role, 'GET', path, { headers })
            assert.ok(
              status === 404 || (status === 403 && json.code === 'role.not-allowed'),
              `${role} ${path} ${json.code}`,
            )
            if (status === 404) assert.match(json.code, /\.unknown$/)
          }
        }
      }
    })

    test('"address, device and browser of whoever looked are gone after 90 days"', async () => {
      const marks = ['203.0.113.77', 'Marked-Browser-17']
      const headers = {
        'User-Agent': `${marks[1]}/1.0`,
        'X-Forwarded-For': `${marks[0]}`,
        Forwarded: `for=${marks[0]}`,
      }
      const seen = await look('senior-reviewer', { 'Vault-Purpose': 'kyc', 'Vault-Case': 'CASE-1', ...headers })
      assert.equal(seen.status, 200)
      desk.clock.advance(90 * 86_400_000)
      for (const mark of marks) {
        assert.equal(isSomewhere(desk.opened.folder, Buffer.from(mark)), false, mark)
        assert.ok(!JSON.stringify([desk.opened.lines, await recorded(desk.opened.vault, tenant)]).includes(mark), mark)
      }
    })
  })
}
