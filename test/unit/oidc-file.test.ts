import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadOidcIssuers, type OidcIssuer } from '../../src/adapters/oidc-file.ts'
import type { TenantId } from '../../src/domain/ids.ts'
import { emptyFolder } from '../support/folder.ts'
import { newSigningKey } from '../support/local-issuer.ts'
import { issuerEntry } from '../support/oidc-place.ts'
import { refused } from '../support/refused.ts'

const tenants = new Set(['nomor-keluar', 'omo7777', 'jnetot'] as readonly string[] as readonly TenantId[])
const where = { url: 'https://login.example/realm', keysUrl: 'https://login.example/realm/keys?v=1' }
const entry = (over: object = {}): object => issuerEntry(where, over)
const { published } = newSigningKey('ES256')

interface Files {
  readonly [name: string]: unknown
}

/** Loads `oidc.json` out of these files; text is written as it is. */
async function load(files: Files): Promise<readonly OidcIssuer[]> {
  await using folder = await emptyFolder()
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(folder.path, name), typeof content === 'string' ? content : JSON.stringify(content))
  }
  return await loadOidcIssuers(join(folder.path, 'oidc.json'), tenants)
}

async function problemsOf(files: Files): Promise<Readonly<Record<string, string>>> {
  const { facts } = await refused(load(files), 'config.invalid')
  return Object.fromEntries((facts.problems ?? []).map(({ field, message }) => [field, message]))
}

const withEntry = (over: object): Files => ({ 'oidc.json': { issuers: [entry(over)] } })

test('an issuer is read as it is written', async () => {
  const written = { persons: { 'auth0|a': 'alice' }, services: ['robot'] }
  const [issuer] = await load({ 'oidc.json': { issuers: [entry(written)] } })
  assert.deepEqual([issuer?.name, issuer?.issuer, issuer?.audience], ['staff', where.url, 'kyc-vault'])
  assert.deepEqual(issuer?.keys, { url: new URL(where.keysUrl) })
  assert.deepEqual(issuer?.claims, { roles: ['realm_access', 'roles'], tenant: ['kyc_tenant'] })
  assert.deepEqual([...(issuer?.persons ?? [])], [['auth0|a', 'alice']])
  assert.deepEqual([...(issuer?.services ?? [])], ['robot'])
  assert.equal(issuer?.roles.get('kyc-dpo'), 'dpo')
})

test('keys may lie in the file itself, or in one that it names beside it', async () => {
  const set = { keys: [published] }
  const [own] = await load(withEntry({ keys: { set } }))
  assert.deepEqual(own?.keys, { set })
  const [named] = await load({ ...withEntry({ keys: { file: 'keys.json' } }), 'keys.json': set })
  assert.deepEqual(named?.keys, { set })
})

test('the example that operators are shown is one', async () => {
  const text = await readFile(join(import.meta.dirname, '../../infra/README.md'), 'utf8')
  const example = /```json\n(\{\s*"issuers"[^`]*)```/.exec(text)?.[1]
  assert.ok(example)
  assert.equal((await load({ 'oidc.json': example })).length, 1)
})

test('a name that a reader may take for more than a name is refused with its path', async () => {
  const text = JSON.stringify({ issuers: [entry({ persons: {} })] })
  for (const name of ['__proto__', 'constructor', 'prototype']) {
    for (const [member, value] of [
      ['persons', 'alice'],
      ['roles', 'dpo'],
    ]) {
      const file = text.replace(`"${member}":{`, `"${member}":{"${name}":"${value}",`).replace(',}', '}')
      const problems = await problemsOf({ 'oidc.json': file })
      assert.equal(
        problems[`oidc.json: issuers.0.${member}.${name}`],
        'is no name for a member',
        JSON.stringify(problems),
      )
    }
  }
})

test('every problem is told at once, by file and path, and no value with it', async () => {
  const bad = {
    name: 'Staff',
    issuer: 'http://login.example',
    algorithms: ['HS256', 'none'],
    type: 'jwt',
    roles: { x: 'system' },
    persons: { 'a@b': 'x' },
    secret: 'hunter2',
  }
  const problems = await problemsOf({ 'oidc.json': { issuers: [entry(bad)], more: 'hunter2' } })
  assert.deepEqual(Object.keys(problems).sort(), [
    'oidc.json: issuers.0',
    'oidc.json: issuers.0.algorithms.0',
    'oidc.json: issuers.0.algorithms.1',
    'oidc.json: issuers.0.issuer',
    'oidc.json: issuers.0.name',
    'oidc.json: issuers.0.persons.a@b',
    'oidc.json: issuers.0.roles.x',
    'oidc.json: issuers.0.type',
    'oidc.json: top level',
  ])
  assert.ok(!JSON.stringify(problems).includes('hunter2'))
})

const refusedEntries: Readonly<Record<string, readonly [object, string]>> = {
  'an algorithm that shares a secret': [{ algorithms: ['HS256'] }, 'issuers.0.algorithms.0'],
  'no algorithm': [{ algorithms: [] }, 'issuers.0.algorithms'],
  'an algorithm twice': [{ algorithms: ['ES256', 'ES256'] }, 'issuers.0.algorithms'],
  'keys over plain HTTP': [{ keys: { url: 'http://login.example/keys' } }, 'issuers.0.keys.url'],
  'keys by another scheme': [{ keys: { url: 'file:///etc/passwd' } }, 'issuers.0.keys.url'],
  'keys behind a password': [{ keys: { url: 'https://a:b@login.example/keys' } }, 'issuers.0.keys.url'],
  'keys in two places': [{ keys: { url: where.keysUrl, file: 'x' } }, 'issuers.0.keys'],
  'keys nowhere': [{ keys: {} }, 'issuers.0.keys'],
  'an issuer with a query': [{ issuer: `${where.url}?x=1` }, 'issuers.0.issuer'],
  'an issuer over plain HTTP': [{ issuer: 'http://login.example' }, 'issuers.0.issuer'],
  'a tenant that is not configured': [{ tenants: ['omo7777', 'elsewhere'] }, 'issuers.0.tenants.1'],
  'no tenant': [{ tenants: [] }, 'issuers.0.tenants'],
  'two tenants and no claim to tell them apart': [{ claims: { roles: 'roles' } }, 'issuers.0.claims.tenant'],
  'no claim of roles': [{ claims: { tenant: 't' } }, 'issuers.0.claims.roles'],
  'the role of the vault itself': [{ roles: { root: 'system' } }, 'issuers.0.roles.root'],
  'no role': [{ roles: {} }, 'issuers.0.roles'],
  'a role that does not exist': [{ roles: { x: 'boss' } }, 'issuers.0.roles.x'],
  'a person that is none': [{ persons: { a: 'a b' } }, 'issuers.0.persons.a'],
  'no audience': [{ audience: '' }, 'issuers.0.audience'],
  'a private key': [{ keys: { set: { keys: [{ ...published, d: 'x' }] } } }, 'issuers.0.keys.set.keys.0'],
  'a shared secret': [{ keys: { set: { keys: [{ kty: 'oct', k: 'x' }] } } }, 'issuers.0.keys.set.keys.0.kty'],
  'an empty set': [{ keys: { set: { keys: [] } } }, 'issuers.0.keys.set.keys'],
}
for (const [name, [over, path]] of Object.entries(refusedEntries)) {
  test(`the start is refused for ${name}`, async () => {
    assert.ok((await load({ 'oidc.json': { issuers: [entry()] } })).length === 1)
    assert.deepEqual(Object.keys(await problemsOf(withEntry(over))), [`oidc.json: ${path}`])
  })
}

test('two entries share neither a name nor an issuer', async () => {
  const twice = await problemsOf({ 'oidc.json': { issuers: [entry(), entry()] } })
  assert.deepEqual(Object.keys(twice), ['oidc.json: issuers.1.name', 'oidc.json: issuers.1.issuer'])
})

test('a file that is missing, no JSON, ambiguous or empty ends the start', async () => {
  for (const content of ['', '{', '[]', '{"issuers":[]}', '{"issuers":[],"issuers":[]}', '\ufeff{}']) {
    const [field] = Object.keys(await problemsOf({ 'oidc.json': content }))
    assert.match(field ?? '', /^oidc\.json/, content)
  }
  assert.deepEqual(await problemsOf({}), { 'oidc.json': 'cannot be read' })
  const named = withEntry({ keys: { file: 'keys.json' } })
  assert.deepEqual(await problemsOf(named), { 'oidc.json: issuers.0.keys.file': 'cannot be read' })
  const [inNamed] = Object.keys(await problemsOf({ ...named, 'keys.json': { keys: [{ kty: 'oct' }] } }))
  assert.equal(inNamed, 'oidc.json: issuers.0.keys.file: keys.0.kty')
})
