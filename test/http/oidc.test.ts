import assert from 'node:assert/strict'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { keySetTimes } from '../../src/adapters/oidc-keys.ts'
import { tokenLimits } from '../../src/domain/denied-token.ts'
import { call } from '../support/call.ts'
import { emptyFolder } from '../support/folder.ts'
import { type LocalIssuer, openIssuer } from '../support/local-issuer.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { issuerEntry } from '../support/oidc-place.ts'
import { openVault, type TestVault } from '../support/open-vault.ts'
import { recorded } from '../support/recorded.ts'

interface Place extends AsyncDisposable {
  readonly issuer: LocalIssuer
  readonly opened: TestVault
  readonly url: string
  readonly clock: ManualClock
  /** Of a person of omo7777 with this role, but for what is said. */
  readonly token: (role: string, claims?: object) => string
}

/** A whole vault that trusts a local issuer; time stands still. */
async function openPlace(over: object = {}, settings: Readonly<Record<string, string>> = {}): Promise<Place> {
  await using stack = new AsyncDisposableStack()
  const clock = new ManualClock(Date.now())
  const issuer = stack.use(await openIssuer(() => clock.nowMs()))
  const file = join(stack.use(await emptyFolder()).path, 'oidc.json')
  const roles = { 'kyc-reviewer': 'reviewer', 'kyc-dpo': 'dpo', 'kyc-admin': 'admin', 'kyc-support': 'support' }
  await writeFile(file, JSON.stringify({ issuers: [issuerEntry(issuer, { roles, ...over })] }))
  const opened = stack.use(await openVault({ clock, settings: { VAULT_OIDC_FILE: file, ...settings } }))
  const open = stack.move()
  return {
    issuer,
    opened,
    url: opened.door.url,
    clock,
    token: (role, claims = {}) =>
      issuer.token({ kyc_tenant: 'omo7777', realm_access: { roles: [`kyc-${role}`] }, sub: role, ...claims }),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

const beside = (credential: string) => ({ 'Vault-Second-Authorization': `Bearer ${credential}` })

test('a person works by token like by key, under their roles, and the trail says how they came', async () => {
  await using place = await openPlace()
  const { url, token, opened } = place
  assert.equal((await call(url, 'GET', '/v1/reviews', { key: token('reviewer') })).status, 200)
  const refused = await call(url, 'GET', '/v1/callers', { key: token('reviewer') })
  assert.deepEqual([refused.status, refused.json.code], [403, 'role.not-allowed'])
  assert.equal((await call(url, 'GET', '/v1/callers', { key: token('admin') })).status, 200)
  const none = await call(url, 'GET', '/v1/reviews', { key: token('reviewer', { realm_access: {} }) })
  assert.deepEqual([none.status, none.json.code], [403, 'role.not-allowed'])
  const entries = (await recorded(opened.vault, 'omo7777')).filter(({ actor }) => actor?.auth === 'oidc')
  assert.deepEqual(
    entries.map(({ act, out, actor }) => [act, out, actor?.id, actor?.roles]),
    [
      ['review.list', 'done', 'oidc:staff:reviewer', ['reviewer']],
      ['caller.read', 'deny', 'oidc:staff:reviewer', ['reviewer']],
      ['caller.read', 'done', 'oidc:staff:admin', ['admin']],
      ['review.list', 'deny', 'oidc:staff:reviewer', []],
    ],
  )
  assert.ok(!JSON.stringify(opened.lines).includes('eyJ'))
})

test('a token that is not in force is answered like a key that is not, and no more is told', async () => {
  await using place = await openPlace()
  const { url, token, opened } = place
  const now = Math.floor(place.clock.nowMs() / 1_000)
  const bad = {
    expired: token('admin', { iat: now - 900, exp: now - 300 }),
    forged: `${token('admin').slice(0, -8)}AAAAAAAA`,
    'of nobody': token('admin', { iss: 'https://elsewhere.example' }),
    'of another tenant': token('admin', { kyc_tenant: 'nomor-keluar' }),
  }
  const bodies = new Set<string>()
  for (const [name, key] of Object.entries({ ...bad, 'no key': `kv_${'0'.repeat(16)}_${'A'.repeat(43)}` })) {
    const { status, headers, json } = await call(url, 'GET', '/v1/callers', { key })
    assert.equal(status, 401, name)
    bodies.add(JSON.stringify([{ ...json, requestId: '', instance: '' }, headers.get('www-authenticate')]))
  }
  assert.equal(bodies.size, 1)
  assert.equal((await recorded(opened.vault, 'omo7777')).filter(({ act }) => act === 'caller.read').length, 0)
})

test('a role that the tenant does not use gives no right there', async () => {
  await using folder = await emptyFolder()
  await cp(join(import.meta.dirname, '../../infra/tenants'), folder.path, { recursive: true })
  const policy = join(folder.path, 'jnetot.json')
  const { roles, ...rest } = JSON.parse(await readFile(policy, 'utf8')) as { readonly roles: readonly string[] }
  await writeFile(policy, JSON.stringify({ ...rest, roles: roles.filter(role => role !== 'support') }))
  await using place = await openPlace({}, { VAULT_TENANTS_DIR: folder.path })
  const { url, token } = place
  const asSupport = (kyc_tenant: string) => call(url, 'GET', '/v1/limits', { key: token('support', { kyc_tenant }) })
  assert.equal((await asSupport('omo7777')).status, 200)
  assert.equal((await asSupport('jnetot')).status, 403)
})

test('all tokens of a subject end with the next request after two persons denied them, at their tenant alone', async () => {
  await using place = await openPlace()
  const { url, token, opened, issuer, clock } = place
  const key = opened.key('omo7777', 'admin')
  const headers = beside(opened.key('omo7777', 'dpo'))
  const [one, two] = [token('reviewer'), token('reviewer')]
  const elsewhere = token('reviewer', { kyc_tenant: 'jnetot' })
  const statusOf = async (credential: string) => (await call(url, 'GET', '/v1/reviews', { key: credential })).status
  assert.deepEqual([await statusOf(one), await statusOf(two), await statusOf(elsewhere)], [200, 200, 200])
  const json = { issuer: issuer.url, subject: 'reviewer' }
  const alone = await call(url, 'POST', '/v1/denied-tokens', { key, json })
  assert.deepEqual([alone.status, alone.json.code], [403, 'role.second-person'])
  assert.equal(await statusOf(one), 200)

  const denied = await call(url, 'POST', '/v1/denied-tokens', { key, headers, json })
  assert.deepEqual([denied.status, denied.json.issuer, denied.json.subject], [201, issuer.url, 'reviewer'])
  assert.deepEqual([await statusOf(one), await statusOf(two), await statusOf(elsewhere)], [401, 401, 200])
  clock.advance(tokenLimits.toleranceMs + 1_000)
  assert.equal(await statusOf(token('reviewer')), 200, 'who may sign in again at the issuer is in again')
  assert.equal((await call(url, 'POST', '/v1/denied-tokens', { key, headers, json })).status, 201, 'again, from now')
  assert.equal(await statusOf(token('reviewer')), 401)
  const entries = (await recorded(opened.vault, 'omo7777')).filter(({ det }) => det?.deny === true)
  assert.deepEqual(
    entries.map(({ act, out, det }) => [act, out, det?.login, det?.token, det?.second]),
    [
      ['caller.manage', 'deny', 'reviewer', '*', undefined],
      ['caller.manage', 'allow', 'reviewer', '*', 'first-dpo-omo7777'],
      ['caller.manage', 'allow', 'reviewer', '*', 'first-dpo-omo7777'],
    ],
  )
})

test('one token ends alone; a slip in the issuer is told, since it would deny nothing', async () => {
  await using place = await openPlace()
  const { url, token, opened, issuer } = place
  const key = opened.key('omo7777', 'admin')
  const headers = beside(opened.key('omo7777', 'dpo'))
  const deny = (json: object) => call(url, 'POST', '/v1/denied-tokens', { key, headers, json })
  const [one, two] = [token('reviewer', { jti: 'one' }), token('reviewer', { jti: 'two' })]
  const good = { issuer: issuer.url, subject: 'reviewer', tokenId: 'one' }
  assert.equal((await deny(good)).status, 201)
  assert.equal((await call(url, 'GET', '/v1/reviews', { key: one })).status, 401)
  assert.equal((await call(url, 'GET', '/v1/reviews', { key: two })).status, 200)
  const slip = await deny({ ...good, issuer: `${issuer.url}/` })
  assert.deepEqual([slip.status, slip.json.code, slip.json.allowed], [400, 'field.invalid', [issuer.url]])
  for (const bad of [{ subject: 'a@b.example' }, { subject: '' }, { tokenId: '*' }, { tokenId: 'a b' }, { more: 1 }]) {
    assert.equal((await deny({ ...good, ...bad })).status, 400, JSON.stringify(bad))
  }
  const foreign = await call(url, 'POST', '/v1/denied-tokens', {
    key: opened.key('nomor-keluar', 'admin'),
    headers: beside(opened.key('nomor-keluar', 'dpo')),
    json: good,
  })
  assert.deepEqual([foreign.status, foreign.json.allowed], [400, []], 'that tenant has no issuer')
  const wrongRole = await call(url, 'POST', '/v1/denied-tokens', { key: token('reviewer'), headers, json: good })
  assert.deepEqual([wrongRole.status, wrongRole.json.code], [403, 'role.not-allowed'])
})

test('four eyes are two people whom one register tells apart: two logins are, a login and a key are not', async () => {
  await using place = await openPlace({ persons: { known: 'first-admin-omo7777' }, services: ['robot'] })
  const { url, token, opened, issuer } = place
  const keyOf = (role: 'admin' | 'dpo') => opened.key('omo7777', role)
  const json = { issuer: issuer.url, subject: 'someone' }
  const together = async (key: string, second: string) =>
    (await call(url, 'POST', '/v1/denied-tokens', { key, headers: beside(second), json })).status
  assert.equal(await together(token('admin', { sub: 'alice' }), token('dpo', { sub: 'bob' })), 201)
  assert.equal(await together(token('admin', { sub: 'alice' }), token('dpo', { sub: 'alice' })), 403)
  assert.equal(await together(token('admin', { sub: 'alice' }), keyOf('dpo')), 403, 'alice may hold that key')
  assert.equal(await together(keyOf('admin'), token('dpo', { sub: 'alice' })), 403)
  assert.equal(await together(keyOf('dpo'), token('admin', { sub: 'known' })), 201, 'the operator says who that is')
  assert.equal(await together(keyOf('admin'), token('dpo', { sub: 'known' })), 403, 'the same person by another door')
  assert.equal(await together(token('admin', { sub: 'alice' }), token('dpo', { sub: 'robot' })), 403, 'no person')
  assert.equal(await together(token('admin', { sub: 'cli', client_id: 'cli' }), token('dpo', { sub: 'bob' })), 403)
})

test('a vote that was cast by a token lends nobody once the token was denied', async () => {
  await using place = await openPlace({ persons: { voter: 'voter', asker: 'asker', other: 'other' } })
  const { url, token, opened, issuer, clock } = place
  const keyId = opened.key('omo7777', 'auditor').split('_')[1] ?? ''
  const admin = () => token('admin', { sub: 'asker' })
  let asked = 0
  const approve = async () => {
    const approval = await call(url, 'POST', '/v1/approvals', {
      key: admin(),
      headers: { 'Idempotency-Key': `ask-${++asked}` },
      json: { action: 'caller.manage', target: `key/${keyId}` },
    })
    assert.equal(approval.status, 201)
    const path = `/v1/approvals/${approval.json.id}/votes`
    const voted = await call(url, 'POST', path, { key: token('dpo', { sub: 'voter' }), json: { vote: 'grant' } })
    assert.equal(voted.json.state, 'granted')
    return approval.json.id as string
  }
  const revoke = (approval: string) =>
    call(url, 'POST', `/v1/callers/${keyId}/revoke`, { key: admin(), headers: { 'Vault-Approval': approval } })
  const approval = await approve()
  const json = { issuer: issuer.url, subject: 'voter' }
  const headers = beside(token('dpo', { sub: 'other' }))
  assert.equal((await call(url, 'POST', '/v1/denied-tokens', { key: admin(), headers, json })).status, 201)
  const late = await revoke(approval)
  assert.deepEqual([late.status, late.json.code], [410, 'approval.ended'])
  clock.advance(tokenLimits.toleranceMs + 1_000)
  assert.equal((await revoke(approval)).status, 410, 'for good')
  assert.equal((await revoke(await approve())).status, 200, 'signed in and voted anew')
})

test('an issuer that does not answer takes no key and no known token along, and readiness stays', async () => {
  await using place = await openPlace()
  const { url, token, opened, issuer, clock } = place
  const key = opened.key('omo7777', 'reviewer')
  issuer.mood = 'down'
  const refused = await call(url, 'GET', '/v1/reviews', { key: token('reviewer') })
  assert.deepEqual([refused.status, refused.json.code, refused.json.retryable], [503, 'issuer.unavailable', true])
  assert.equal(refused.headers.get('retry-after'), '5')
  assert.equal((await call(url, 'GET', '/v1/reviews', { key })).status, 200)
  assert.deepEqual((await call(url, 'GET', '/readyz')).json, { ready: true, failing: [] })
  const second = await call(url, 'POST', '/v1/callers', { key, headers: beside(token('dpo')), json: {} })
  assert.equal(second.json.code, 'issuer.unavailable')

  issuer.mood = 'good'
  clock.advance(keySetTimes.retryMs)
  assert.equal((await call(url, 'GET', '/v1/reviews', { key: token('reviewer') })).status, 200)
  issuer.mood = 'down'
  assert.equal((await call(url, 'GET', '/v1/reviews', { key: token('reviewer') })).status, 200)
  clock.advance(keySetTimes.keptMs)
  assert.equal((await call(url, 'GET', '/v1/reviews', { key: token('reviewer') })).status, 503)
  assert.equal((await call(url, 'GET', '/v1/reviews', { key })).status, 200)
})

test('where no issuer is configured a token is nobody’s', async () => {
  await using opened = await openVault()
  await using issuer = await openIssuer()
  const answer = await call(opened.door.url, 'GET', '/v1/limits', { key: issuer.token() })
  assert.deepEqual([answer.status, answer.json.code], [401, 'credential.invalid'])
  assert.equal(issuer.asked, 0)
})
