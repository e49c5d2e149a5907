import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openOidcPlace } from '../support/oidc-place.ts'
import { type IdentityFixture, identityContract } from './identity.contract.ts'

async function open(): Promise<IdentityFixture> {
  const place = await openOidcPlace()
  const issue: IdentityFixture['issue'] = async ({ person: sub, roles, tenant = 'omo7777' }) => {
    const jti = `token-${place.issuer.asked}-${Math.random().toString(36).slice(2)}`
    const text = place.token({
      sub,
      jti,
      kyc_tenant: tenant,
      realm_access: { roles: roles.map(role => `kyc-${role}`) },
    })
    const revoke = () => place.deny({ subject: sub, tokenId: jti, tenant })
    return { text, person: `oidc:staff:${sub}`, tenant, revoke }
  }
  return { identity: place.identity, issue, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() }
}

identityContract('tokens of an OIDC issuer', open)

test('whatever comes costs one signature and one look at the deny list, good or not', async t => {
  await using place = await openOidcPlace()
  const denied = place.token({ jti: 'denied' })
  await place.deny({ subject: 'p-1', tokenId: 'denied' })
  const foreign = place.token({ iss: 'https://elsewhere.example' })
  const strange = place.token({}, { kid: 'strange' })
  const unpinned = place.token({}, { alg: 'RS256' })
  const expired = place.token({ iat: 1, exp: 600 })
  const good = place.token()
  const verifying = t.mock.method(crypto.subtle, 'verify')
  for (const credential of [
    good,
    denied,
    expired,
    foreign,
    strange,
    unpinned,
    `${good}x`,
    'a.b.c',
    '',
    'x'.repeat(10_000),
  ]) {
    const [looked, verified] = [place.lookUps(), verifying.mock.callCount()]
    await place.identity.identify(credential, 'r')
    assert.deepEqual([place.lookUps() - looked, verifying.mock.callCount() - verified], [1, 1], credential.slice(0, 40))
  }
})
