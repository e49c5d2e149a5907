import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VaultError } from '../../src/domain/errors.ts'
import { limits } from '../../src/domain/media.ts'
import { call } from '../support/call.ts'
import { openVault } from '../support/open-vault.ts'
import { recorded } from '../support/recorded.ts'

test('without a credential in force nothing is told but that, and how to come by one', async () => {
  await using opened = await openVault()
  const { url } = opened.door
  const good = opened.key('omo7777', 'auditor')
  const missing = await call(url, 'GET', '/v1/limits')
  assert.deepEqual([missing.status, missing.json.code], [401, 'credential.missing'])
  assert.equal(missing.headers.get('www-authenticate'), 'Bearer')
  for (const header of [
    'Bearer ',
    'Bearer nonsense',
    `Basic ${good}`,
    good,
    `Bearer  ${good}`,
    `Bearer ${good} x`,
    `Bearer ${good.slice(0, -1)}`,
    `Bearer ${good.slice(0, -1)}${good.endsWith('A') ? 'B' : 'A'}`,
    `Bearer ${'a'.repeat(5_000)}`,
    `Bearer kv_${'0'.repeat(16)}_${'A'.repeat(43)}`,
  ]) {
    const answer = await call(url, 'GET', '/v1/limits', { headers: { Authorization: header } })
    assert.deepEqual([answer.status, answer.json.code], [401, 'credential.invalid'], header)
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer error=/)
  }
  assert.equal((await call(url, 'GET', '/v1/limits', { headers: { Authorization: `bearer ${good}` } })).status, 200)
  assert.equal((await call(url, 'GET', `/v1/limits?access_token=${good}`)).status, 401)
  const [counted] = opened.vault.denials.takeDue(Date.now(), true)
  assert.deepEqual([counted?.act, counted?.why, counted?.detail?.n], ['refusals.counted', 'credential.invalid', 12])
})

test('a caller is made by two persons, works at once, and is ended by two persons from its next request on', async () => {
  await using opened = await openVault()
  const { url } = opened.door
  const key = opened.key('omo7777', 'admin')
  const second = { 'Vault-Second-Authorization': `Bearer ${opened.key('omo7777', 'dpo')}` }
  const json = { person: 'rev-2', kind: 'person', roles: ['reviewer'] }
  const alone = await call(url, 'POST', '/v1/callers', { key, json })
  assert.deepEqual([alone.status, alone.json.code], [403, 'role.second-person'])
  const same = await call(url, 'POST', '/v1/callers', {
    key,
    json,
    headers: { 'Vault-Second-Authorization': `Bearer ${key}` },
  })
  assert.deepEqual([same.status, same.json.code], [403, 'role.second-person'])
  const stranger = await call(url, 'POST', '/v1/callers', {
    key,
    json,
    headers: { 'Vault-Second-Authorization': 'Bearer nobody' },
  })
  assert.deepEqual([stranger.status, stranger.json.code], [401, 'credential.invalid'])
  const foreign = { 'Vault-Second-Authorization': `Bearer ${opened.key('jnetot', 'dpo')}` }
  assert.equal((await call(url, 'POST', '/v1/callers', { key, json, headers: foreign })).status, 403)
  const system = { ...json, roles: ['system'] }
  assert.equal(
    (await call(url, 'POST', '/v1/callers', { key, json: system, headers: second })).json.code,
    'field.invalid',
  )

  const made = await call(url, 'POST', '/v1/callers', { key, json, headers: second })
  assert.equal(made.status, 201)
  assert.equal((await call(url, 'GET', '/v1/reviews', { key: made.json.key })).status, 200)
  const revoke = `/v1/callers/${made.json.caller.keyId}/revoke`
  assert.equal((await call(url, 'POST', revoke, { key })).status, 403)
  const revoked = await call(url, 'POST', revoke, { key, headers: second })
  assert.deepEqual([revoked.status, typeof revoked.json.revokedAt], [200, 'string'])
  assert.equal((await call(url, 'GET', '/v1/reviews', { key: made.json.key })).status, 401)
  assert.ok(!JSON.stringify([opened.lines, await recorded(opened.vault, 'omo7777')]).includes(made.json.key.slice(20)))
})

test('a caller refused too often is turned away before any look-up, and only counted', async () => {
  await using opened = await openVault()
  const { url } = opened.door
  const key = opened.key('omo7777', 'support')
  const refusedOnce = () => call(url, 'GET', '/v1/callers', { key })
  let last = await refusedOnce()
  // A minute may begin anew in between, so up to two minutes' worth are asked for.
  for (let n = 0; n < 2 * limits.denialsPerCallerAndMinute && last.status === 403; n++) last = await refusedOnce()
  assert.deepEqual([last.status, last.json.code], [429, 'budget.denials'])
  const seconds = Number(last.headers.get('retry-after'))
  assert.ok(seconds >= 1 && seconds <= 60)
  const before = (await recorded(opened.vault, 'omo7777')).length
  await refusedOnce()
  assert.equal((await recorded(opened.vault, 'omo7777')).length, before)
  assert.equal((await call(url, 'GET', '/v1/callers', { key: opened.key('omo7777', 'auditor') })).status, 200)
})

test('while the trail cannot be written neither a refusal nor an answer leaves, and readiness says so', async () => {
  let broken = false
  await using opened = await openVault({
    wrapPorts: ports => ({
      ...ports,
      batches: new Proxy(ports.batches, {
        get(target, name) {
          const fails = broken && (name === 'insert' || name === 'ready')
          if (fails) return () => Promise.reject(new VaultError('trail.unavailable'))
          const value = Reflect.get(target, name)
          return typeof value === 'function' ? value.bind(target) : value
        },
      }),
    }),
  })
  const { url } = opened.door
  const key = opened.key('omo7777', 'auditor')
  assert.deepEqual((await call(url, 'GET', '/readyz')).json, { ready: true, failing: [] })
  broken = true
  const paths = ['/v1/callers', '/v1/callers?bad=1', '/v1/nothing', '/v1/documents/1', '/v1/reviews']
  const answers = await Promise.all(paths.map(async path => ({ path, ...(await call(url, 'GET', path, { key })) })))
  for (const { path, ...answer } of answers) {
    assert.deepEqual([answer.status, answer.json.code, answer.json.retryable], [503, 'trail.unavailable', true], path)
    assert.match(answer.headers.get('retry-after') ?? '', /^\d+$/)
  }
  assert.equal((await call(url, 'GET', '/livez')).status, 200)
})
