import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, paper } from '../support/call.ts'
import { openFileDesk } from '../support/file-desk.ts'
import { emptyFolder } from '../support/folder.ts'
import { noisePicture } from '../support/house-work.ts'
import { openVault, type TenantName } from '../support/open-vault.ts'
import { tenantsIn } from '../support/tenants-in.ts'

/** Which papers each platform promised its users to ask for, each kind of them, and under which law it keeps them. */

interface Promised {
  readonly tenant: TenantName
  readonly says: string
  readonly papers: Readonly<Record<string, readonly string[]>>
  /** What is not asked for, with what the uploader is told. */
  readonly never: Readonly<Record<string, readonly [kind: string, told: RegExp]>>
  /** The basis of each type, as the person may be told of it. */
  readonly bases: Readonly<Record<string, string>>
}

const places = ['utility-bill', 'rental-contract', 'government-letter']
const cards = ['national-id', 'passport', 'driving-licence']
const promises: readonly Promised[] = [
  {
    tenant: 'nomor-keluar',
    says: 'we ask for a national ID, passport or driving licence and a proof of address, and for nothing else',
    papers: { id: cards, address: places },
    never: { selfie: ['portrait', /no biometrics/], payment_ownership: ['bank-statement', /no payment papers/] },
    bases: { id: 'identity-records', address: 'identity-records' },
  },
  {
    tenant: 'omo7777',
    says: 'we ask for an e-KTP or passport, a utility bill or rental contract, and a selfie, and for nothing else',
    papers: { id: ['e-ktp', 'passport'], address: ['utility-bill', 'rental-contract'], selfie: ['portrait'] },
    never: { payment_ownership: ['bank-statement', /no payment papers/] },
    bases: { id: 'identity-records', address: 'identity-records', selfie: 'consent' },
  },
  {
    tenant: 'jnetot',
    says: 'we ask for an ID, a proof of address and a proof of owning the means of payment, and for nothing else',
    papers: {
      id: cards,
      address: places,
      payment_ownership: ['bank-statement', 'card-statement', 'e-wallet-statement'],
    },
    never: { selfie: ['portrait', /no picture of their face/] },
    bases: { id: 'identity-records', address: 'identity-records', payment_ownership: 'account-records' },
  },
]

for (const { tenant, says, papers, never, bases } of promises) {
  test(`${tenant}: "${says}"`, async () => {
    await using desk = await openFileDesk(tenant)
    await desk.tell('person-1', 'tier', { tier: 2 })
    const offer = async (type: string, kind: string) =>
      desk.ask('onboarding', 'POST', '/v1/subjects/person-1/documents', {
        headers: { 'Idempotency-Key': `${type}-${kind}` },
        body: paper({ type, kind }, await noisePicture(7, 40)),
      })
    for (const [type, kinds] of Object.entries(papers)) {
      for (const kind of kinds) assert.ok(await desk.upload('person-1', type, kind))
      const { status, json } = await offer(type, 'tax-return')
      assert.deepEqual([status, json.code, json.allowed], [403, 'paper.kind-not-allowed', kinds])
    }
    for (const [type, [kind, told]] of Object.entries(never)) {
      const { status, json } = await offer(type, kind)
      assert.deepEqual([status, json.code, json.allowed], [403, 'paper.type-not-allowed', Object.keys(papers)])
      assert.match(json.detail, told)
    }
    const { items } = (await desk.ask('onboarding', 'GET', '/v1/subjects/person-1/documents')).json
    assert.equal(items.length, Object.values(papers).flat().length, 'nothing of what was refused is there')
  })

  test(`${tenant}: "every paper is kept under a law or promise that is named to the person"`, async () => {
    await using desk = await openFileDesk(tenant)
    await desk.tell('person-1', 'tier', { tier: 2 })
    for (const [type, [kind]] of Object.entries(papers)) {
      const { json } = await desk.ask('onboarding', 'GET', `/v1/documents/${await desk.upload('person-1', type, kind)}`)
      const { name, law, jurisdiction, words } = json.basis
      assert.deepEqual([name, jurisdiction], [bases[type], 'ID'])
      assert.match(law, /(?:UU \d+\/20\d\d|FATF)/)
      assert.ok(words.length > 40, words)
    }
  })

  test(`${tenant}: "no licence, country or law, no papers": uploads are refused until each is named`, async () => {
    for (const lacking of ['licence', 'jurisdiction', 'bases'] as const) {
      await using folder = await emptyFolder()
      const tenantsDir = await tenantsIn(folder.path, 'ap-southeast-3', (policy, id) => {
        if (id !== tenant) return policy
        return lacking === 'bases' ? { ...policy, bases: {} } : { ...policy, [lacking]: undefined }
      })
      await using opened = await openVault({ settings: { VAULT_TENANTS_DIR: tenantsDir } })
      const key = opened.key(tenant, 'onboarding')
      const [type, [kind = '']] = Object.entries(papers)[0] ?? assert.fail()
      const { status, json } = await call(opened.door.url, 'POST', '/v1/subjects/person-1/documents', {
        key,
        headers: { 'Idempotency-Key': 'paper-1' },
        body: paper({ type, kind }, await noisePicture(7, 40)),
      })
      assert.deepEqual([status, json.code], [403, 'tenant.inactive'], lacking)
    }
  })
}
