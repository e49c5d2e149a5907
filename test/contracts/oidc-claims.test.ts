import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Caller } from '../../src/domain/caller.ts'
import { tokenLimits } from '../../src/domain/denied-token.ts'
import type { TenantId } from '../../src/domain/ids.ts'
import { type OidcPlace, openOidcPlace, reviewerOf } from '../support/oidc-place.ts'

let place: OidcPlace
before(async () => {
  place = await openOidcPlace()
})
after(() => place[Symbol.asyncDispose]())

const callerOf = (claims: Readonly<Record<string, unknown>>, at = place): Promise<Caller | undefined> =>
  at.identity.identify(at.token(claims), 'r')
const rolesOf = async (roles: unknown, at = place) => (await callerOf({ realm_access: { roles } }, at))?.roles

test('roles come from the configured claim by the configured table; what it does not name gives nothing', async () => {
  assert.deepEqual(await rolesOf(['kyc-dpo', 'kyc-reviewer']), ['dpo', 'reviewer'])
  assert.deepEqual(await rolesOf(['offline_access', 'kyc-reviewer', 'kyc-reviewer', 'KYC-DPO', ' kyc-dpo']), [
    'reviewer',
  ])
  assert.deepEqual(await rolesOf('kyc-legal'), ['legal'], 'one role may stand without a list')
  assert.deepEqual(await rolesOf('kyc-legal kyc-dpo'), [], 'a text is one value')
  for (const nothing of [
    undefined,
    null,
    '',
    [],
    {},
    7,
    ['system'],
    ['admin'],
    [['kyc-admin']],
    [{ 0: 'kyc-admin' }],
  ]) {
    assert.deepEqual(await rolesOf(nothing), [], JSON.stringify(nothing))
  }
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty'])
    assert.deepEqual(await rolesOf([name]), [])
})

test('the claim of roles is found by its path alone, among members that the token has itself', async () => {
  const elsewhere = {
    roles: ['kyc-admin'],
    'realm_access.roles': ['kyc-admin'],
    resource_access: { roles: ['kyc-admin'] },
  }
  const caller = await callerOf({ ...elsewhere, realm_access: undefined })
  assert.deepEqual(caller?.roles, [])
  for (const realm of [null, [], 'roles', 7, { nested: { roles: ['kyc-admin'] } }]) {
    assert.deepEqual((await callerOf({ ...elsewhere, realm_access: realm }))?.roles, [])
  }
  await using flat = await openOidcPlace({ claims: { roles: 'https://kyc.example/roles', tenant: 'kyc_tenant' } })
  assert.deepEqual((await callerOf({ 'https://kyc.example/roles': ['kyc-dpo'] }, flat))?.roles, ['dpo'])
  await using inherited = await openOidcPlace({
    claims: { roles: ['constructor', 'name'], tenant: 'kyc_tenant' },
    roles: { Object: 'admin' },
  })
  assert.deepEqual((await callerOf({}, inherited))?.roles, [])
})

test('the tenant is the one that the configured claim names, and only one that the issuer is bound to', async () => {
  assert.equal((await callerOf(reviewerOf('omo7777')))?.tenant, 'omo7777')
  assert.equal((await callerOf(reviewerOf('jnetot')))?.tenant, 'jnetot')
  const crossing = [
    'nomor-keluar',
    'unknown',
    'OMO7777',
    'omo7777 ',
    '',
    undefined,
    null,
    7,
    ['omo7777'],
    { 0: 'omo7777' },
  ]
  for (const tenant of crossing) {
    assert.equal(await callerOf({ kyc_tenant: tenant }), undefined, JSON.stringify(tenant))
  }
})

test('an issuer of one tenant needs no claim, and where one is configured it has to agree', async () => {
  await using bound = await openOidcPlace({ tenants: ['jnetot'], claims: { roles: ['realm_access', 'roles'] } })
  assert.equal((await callerOf({ kyc_tenant: undefined }, bound))?.tenant, 'jnetot')
  assert.equal((await callerOf({ kyc_tenant: 'omo7777' }, bound))?.tenant, 'jnetot', 'a claim that nobody configured')
  await using both = await openOidcPlace({ tenants: ['jnetot'] })
  assert.equal((await callerOf({ kyc_tenant: 'jnetot' }, both))?.tenant, 'jnetot')
  assert.equal(await callerOf({ kyc_tenant: 'omo7777' }, both), undefined)
  assert.equal(await callerOf({ kyc_tenant: undefined }, both), undefined)
  assert.deepEqual(await both.identity.issuersOf('jnetot' as TenantId), [both.issuer.url])
})

test('a person is the issuer’s own, unless the operator says whom the vault knows that login as', async () => {
  assert.equal((await callerOf({ sub: 'alice' }))?.id, 'oidc:staff:alice')
  await using known = await openOidcPlace({ persons: { alice: 'first-dpo-omo7777', 'auth0|bob': 'bob' } })
  assert.equal((await callerOf({ sub: 'alice' }, known))?.id, 'first-dpo-omo7777')
  assert.equal((await callerOf({ sub: 'auth0|bob' }, known))?.id, 'bob')
  assert.equal((await callerOf({ sub: 'carol' }, known))?.id, 'oidc:staff:carol')
  assert.equal(await callerOf({ sub: 'auth0|carol' }, known), undefined, 'no id of a person has that letter')
})

test('what signs in without a human is a service: by the operator’s list, or as its own client (RFC 9068, 2.2)', async () => {
  assert.equal((await callerOf({ sub: 'alice', client_id: 'web' }))?.kind, 'person')
  assert.equal((await callerOf({ sub: 'backend', client_id: 'backend' }))?.kind, 'service')
  assert.equal((await callerOf({ sub: 'backend', azp: 'backend' }))?.kind, 'service')
  await using listed = await openOidcPlace({ services: ['robot'] })
  assert.equal((await callerOf({ sub: 'robot', client_id: 'web' }, listed))?.kind, 'service')
})

test('a caller by token says how they came, by which token, and for which request', async () => {
  const caller = await callerOf({ jti: 'j-77' })
  assert.deepEqual([caller?.auth, caller?.credential, caller?.requestId], ['oidc', `${place.issuer.url} p-1 j-77`, 'r'])
})

test('every token of a subject that was issued up to a denial is over, at that tenant, and later ones are good', async () => {
  await using denying = await openOidcPlace()
  const tokens = ['one', 'two'].map(jti => denying.token({ jti }))
  const elsewhere = denying.token({ jti: 'three', kyc_tenant: 'jnetot' })
  const other = denying.token({ sub: 'p-2' })
  const isIn = async (text: string) => (await denying.identity.identify(text, 'r')) !== undefined
  for (const token of [...tokens, elsewhere, other]) assert.ok(await isIn(token))
  await denying.deny({ subject: 'p-1' })
  for (const token of tokens) assert.equal(await isIn(token), false)
  assert.ok(await isIn(elsewhere), 'one tenant cannot shut out another’s people')
  assert.ok(await isIn(other))
  assert.equal(await isIn(denying.token()), false, 'made in the same second: nobody can tell which came first')
  const ahead = Math.floor((denying.clock.nowMs() + tokenLimits.toleranceMs) / 1_000)
  const early = denying.token({ iat: ahead, exp: ahead + 600 })
  denying.clock.advance(tokenLimits.toleranceMs + 1_000)
  assert.equal(await isIn(early), false, 'made before by a clock that is ahead')
  assert.ok(await isIn(denying.token()))
})

test('one token is denied by its own name and no other one with it', async () => {
  await using denying = await openOidcPlace()
  const [one, two] = [denying.token({ jti: 'one' }), denying.token({ jti: 'two' })]
  await denying.deny({ subject: 'p-1', tokenId: 'one' })
  assert.equal(await denying.identity.identify(one, 'r'), undefined)
  assert.ok(await denying.identity.identify(two, 'r'))
})
