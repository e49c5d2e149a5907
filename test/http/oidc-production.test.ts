import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { call } from '../support/call.ts'
import { openIssuer } from '../support/local-issuer.ts'
import { issuerEntry, reviewerOf } from '../support/oidc-place.ts'
import { productionPlace, productionSkip } from '../support/production-place.ts'
import { runVault, serveVault } from '../support/spawned-vault.ts'

test('in production a token is good at every instance, and over at all of them once it is denied at one', {
  skip: productionSkip,
  timeout: 120_000,
}, async () => {
  await using issuer = await openIssuer()
  await using place = await productionPlace()
  const oidcFile = join(place.folder, 'oidc.json')
  await writeFile(oidcFile, JSON.stringify({ issuers: [issuerEntry(issuer)] }))
  const settings = { ...place.settings, VAULT_OIDC_FILE: oidcFile }
  for (const args of [['keys', 'init', '--door-key', place.doorKey], ['migrate']]) {
    const ran = await runVault(args, settings)
    assert.equal(ran.code, 0, ran.stderr)
  }
  const vaults = await Promise.all([serveVault(settings), serveVault(settings)])
  await using one = vaults[0]
  await using two = vaults[1]
  const token = (sub: string, role: string) =>
    issuer.token({ ...reviewerOf('omo7777'), sub, realm_access: { roles: [`kyc-${role}`] } })
  const held = token('p-1', 'reviewer')
  const statusesOf = async (key: string) => {
    const answers = await Promise.all([one, two].map(({ url }) => call(url, 'GET', '/v1/reviews', { key })))
    return answers.map(({ status }) => status)
  }
  assert.deepEqual(await statusesOf(held), [200, 200])
  const denied = await call(one.url, 'POST', '/v1/denied-tokens', {
    key: token('alice', 'admin'),
    headers: { 'Vault-Second-Authorization': `Bearer ${token('bob', 'dpo')}` },
    json: { issuer: issuer.url, subject: 'p-1' },
  })
  assert.equal(denied.status, 201)
  assert.deepEqual(await statusesOf(held), [401, 401])
  assert.deepEqual(await statusesOf(token('p-2', 'reviewer')), [200, 200])
  assert.equal(issuer.asked, 2, 'each instance asked once')
})
