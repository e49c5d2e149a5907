import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { call, paper } from '../support/call.ts'
import { drawIdCard } from '../support/papers.ts'
import { productionPlace, productionSkip } from '../support/production-place.ts'
import { runVault, serveVault } from '../support/spawned-vault.ts'

const tenant = 'omo7777'
const documents = '/v1/subjects/person-1001/documents'
const why = { 'Vault-Purpose': 'kyc', 'Vault-Case': 'CASE-1' }
const skip = productionSkip

test('a key is rotated and every paper wrapped anew while an instance serves them, each step a process of its own', {
  skip,
}, async () => {
  await using place = await productionPlace()
  const { settings, folder } = place
  const run = async (...args: readonly string[]) => {
    const ran = await runVault(args, settings)
    assert.equal(ran.code, 0, `${args.join(' ')}: ${ran.stderr}`)
    return ran.stdout
  }
  const first = join(folder, 'first.json')
  await run('keys', 'init', '--door-key', place.doorKey)
  await run('migrate')
  await run('caller', 'bootstrap', '--out', first)
  const key = (role: string) => place.keyOf(first, tenant, role)
  const keyFile = async (role: string): Promise<string> => {
    const path = join(folder, `${role}.key`)
    await writeFile(path, await key(role), { mode: 0o600 })
    return path
  }
  await using vault = await serveVault(settings)
  const [onboarding, senior] = [await key('onboarding'), await key('senior-reviewer')]
  const json = { type: 'tier', at: new Date().toISOString(), tier: 2 }
  const headers = { 'Idempotency-Key': 'tier' }
  await call(vault.url, 'POST', '/v1/subjects/person-1001/events', { key: onboarding, headers, json })
  const upload = async (seed: number) => {
    const body = paper({ type: 'id', kind: 'e-ktp' }, await drawIdCard(seed))
    const idempotency = { 'Idempotency-Key': `card-${seed}` }
    const answer = await call(vault.url, 'POST', documents, { key: onboarding, headers: idempotency, body })
    assert.equal(answer.status, 201)
    return String(answer.json.id)
  }
  const open = async (id: string) => {
    const answer = await call(vault.url, 'GET', `/v1/documents/${id}/content`, { key: senior, headers: why })
    assert.equal(answer.status, 200)
    return answer.bytes
  }
  const ids = [await upload(900), await upload(901), await upload(902)]
  const before = await Promise.all(ids.map(open))

  const people = ['--key-file', await keyFile('dpo'), '--second-key-file', await keyFile('admin')]
  const { from, to } = JSON.parse(await run('keys', 'rotate', ...people))
  assert.equal(from, place.documentsArn)
  assert.notEqual(to, from)
  assert.deepEqual(await Promise.all(ids.map(open)), before, 'before anything is wrapped anew')
  const late = await upload(903)
  const ran = await runVault(['keys', 'rewrap'], settings)
  assert.equal(ran.code, 0, ran.stderr)
  assert.match(ran.stderr, /^omo7777: 3 of 3 data keys$/m)
  assert.deepEqual(await Promise.all(ids.map(open)), before, 'and after')
  assert.ok((await open(late)).length > 0)
  const { items } = JSON.parse(await run('keys', 'status', '--key-file', await keyFile('auditor')))
  const shown = items.map(({ epoch, state, keys, next }: Record<string, unknown>) => [
    epoch,
    state,
    keys,
    next !== undefined,
  ])
  const expected = [
    [from, 'former', 0, true],
    [to, 'active', 4, false],
  ]
  assert.deepEqual(
    shown,
    expected.toSorted((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1)),
  )
  assert.match(await run('check'), /everything holds together/)

  const withoutDoor = { ...settings, VAULT_KMS_DOOR_FILE: join(folder, 'none.json') }
  await using keysOnly = await serveVault(withoutDoor, '--as', 'keys')
  assert.equal((await fetch(`${keysOnly.url}/readyz`)).status, 200)
  assert.equal((await fetch(`${keysOnly.url}/v1/limits`)).status, 421)
})
