import assert from 'node:assert/strict'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { emptyFolder } from '../support/folder.ts'
import { openIssuer } from '../support/local-issuer.ts'
import { issuerEntry, reviewerOf } from '../support/oidc-place.ts'
import { runVault, serveVault, settingsIn } from '../support/spawned-vault.ts'

async function openPlace() {
  const stack = new AsyncDisposableStack()
  const folder = stack.use(await emptyFolder()).path
  const issuer = stack.use(await openIssuer())
  const file = join(folder, 'oidc.json')
  await writeFile(file, JSON.stringify({ issuers: [issuerEntry(issuer)] }))
  const credential = async (name: string, text: string) => {
    const path = join(folder, name)
    await writeFile(path, `${text}\n`)
    await chmod(path, 0o600)
    return path
  }
  const person = (sub: string, role: string) =>
    issuer.token({ ...reviewerOf('omo7777'), sub, realm_access: { roles: [`kyc-${role}`] } })
  const settings = settingsIn(folder, { VAULT_OIDC_FILE: file })
  return { issuer, file, credential, person, settings, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

async function reviewsAs(url: string, token: string): Promise<number> {
  return (await fetch(`${url}/v1/reviews`, { headers: { Authorization: `Bearer ${token}` } })).status
}

test('two people who signed in deny a token by command, through the running vault and without it', async () => {
  await using place = await openPlace()
  const { issuer, credential, person, settings } = place
  const [one, two, other] = [person('p-1', 'reviewer'), person('p-1', 'reviewer'), person('p-2', 'reviewer')]
  const first = await credential('admin', person('alice', 'admin'))
  const second = await credential('dpo', person('bob', 'dpo'))
  const deny = (subject: string, ...more: readonly string[]) =>
    runVault(
      ['caller', 'deny-token', '--issuer', issuer.url, '--subject', subject, '--key-file', first, ...more],
      settings,
    )
  {
    await using vault = await serveVault(settings)
    assert.deepEqual([await reviewsAs(vault.url, one), await reviewsAs(vault.url, two)], [200, 200])
    const alone = await deny('p-1')
    assert.deepEqual([alone.code, /role\.second-person/.test(alone.stderr)], [1, true])
    const claims = JSON.parse(Buffer.from(one.split('.')[1] ?? '', 'base64url').toString()) as { readonly jti: string }
    const denied = await deny('p-1', '--second-key-file', second, '--token-id', claims.jti)
    assert.equal(denied.code, 0, denied.stderr)
    assert.equal(JSON.parse(denied.stdout).tokenId, claims.jti)
    assert.deepEqual([await reviewsAs(vault.url, one), await reviewsAs(vault.url, two)], [401, 200])
    vault.process.kill('SIGTERM')
    assert.equal((await vault.ended).code, 0)
  }
  const denied = await deny('p-1', '--second-key-file', second)
  assert.equal(denied.code, 0, denied.stderr)
  await using again = await serveVault(settings)
  assert.deepEqual([await reviewsAs(again.url, two), await reviewsAs(again.url, other)], [401, 200])
})

test('what the command cannot deny it does not pretend to deny', async () => {
  await using place = await openPlace()
  const { issuer, credential, person, settings } = place
  const files = ['--key-file', await credential('admin', person('alice', 'admin'))]
  const deny = (...args: readonly string[]) => runVault(['caller', 'deny-token', ...args, ...files], settings)
  assert.equal((await deny('--issuer', issuer.url)).code, 2)
  assert.equal((await deny('--issuer', issuer.url, '--subject', 'a@b.example')).code, 2)
  assert.equal((await deny('--issuer', 'a b', '--subject', 'a')).code, 2)
  assert.equal((await deny('--issuer', issuer.url, '--subject', 'a', '--token-id', '*')).code, 2)
  const { code, stderr } = await deny('--issuer', issuer.url, '--subject', 'a')
  assert.deepEqual([code, /holds no vault/.test(stderr)], [3, true])
})

test('a vault whose issuers are not as they should be does not start, and says all that is wrong', async () => {
  await using place = await openPlace()
  const { issuer, file, settings } = place
  const wrong = { algorithms: ['HS256'], tenants: ['elsewhere'], extra: 1 }
  await writeFile(file, JSON.stringify({ issuers: [issuerEntry(issuer, wrong)] }))
  const { code, stderr } = await runVault(['serve'], settings)
  assert.equal(code, 2)
  assert.match(stderr, /^oidc\.json: issuers\.0\.algorithms\.0: /m)
  assert.match(stderr, /^oidc\.json: issuers\.0: .*\(extra\)$/m)
  await writeFile(file, JSON.stringify({ issuers: [issuerEntry(issuer, { tenants: ['elsewhere'] })] }))
  assert.match(
    (await runVault(['serve'], settings)).stderr,
    /^oidc\.json: issuers\.0\.tenants\.0: is no tenant of this vault$/m,
  )
  const { stderr: gone } = await runVault(['serve'], { ...settings, VAULT_OIDC_FILE: `${file}.gone` })
  assert.match(gone, /^oidc\.json\.gone: cannot be read$/m)
  assert.equal(issuer.asked, 0, 'nobody is asked for keys before somebody comes')
})
