import assert from 'node:assert/strict'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type CallAnswer, call, paper } from '../support/call.ts'
import { drawAddressProof, drawIdCard } from '../support/papers.ts'
import { productionPlace, productionSkip } from '../support/production-place.ts'
import { productionSite, stopped } from '../support/production-site.ts'
import { runVault } from '../support/spawned-vault.ts'
import type { Cut, FaultProxy } from '../support/toxic.ts'

const tenant = 'omo7777'
const subject = 'person-1001'
const documents = `/v1/subjects/${subject}/documents`
const why = { 'Vault-Purpose': 'kyc', 'Vault-Case': 'CASE-1' }

/** Two instances, side by side. */
async function site() {
  const made = await productionSite(productionPlace, 2)
  const [one, two] = made.vaults
  assert.ok(one && two)
  return { ...made, one, two, key: (role: string) => made.key(tenant, role) }
}

const upload = (url: string, key: string, idempotency: string, file: Uint8Array, type = 'id', kind = 'e-ktp') =>
  call(url, 'POST', documents, {
    key,
    headers: { 'Idempotency-Key': idempotency },
    body: paper({ type, kind }, file),
  })

const reachTier = (url: string, key: string) =>
  call(url, 'POST', `/v1/subjects/${subject}/events`, {
    key,
    headers: { 'Idempotency-Key': 'tier' },
    json: { type: 'tier', at: new Date().toISOString(), tier: 2 },
  })

const skip = productionSkip

test('a vault is prepared in three commands, each of which may be repeated without harm', { skip }, async () => {
  await using place = await productionPlace()
  const { settings, doorKey, folder } = place
  const run = (...args: readonly string[]) => runVault(args, settings)
  const [noDoor, keys, again] = [
    await run('serve'),
    await run('keys', 'init', '--door-key', doorKey),
    await run('keys', 'init', '--door-key', doorKey),
  ]
  assert.deepEqual([noDoor.code, keys.code, again.code], [2, 0, 0])
  assert.deepEqual([JSON.parse(keys.stdout).doorFile, JSON.parse(again.stdout).doorFile], ['made', 'there'])
  const unmigrated = await run('serve')
  assert.equal(unmigrated.code, 2)
  assert.match(unmigrated.stderr, /run `migrate` first/)
  const migrated = await Promise.all([run('migrate'), run('migrate')])
  assert.deepEqual(
    migrated.map(({ code, stderr }) => [code, stderr]),
    [
      [0, ''],
      [0, ''],
    ],
  )
  const out = join(folder, 'first.json')
  const made = await run('caller', 'bootstrap', '--out', out)
  assert.equal(made.code, 0, made.stderr)
  assert.equal((await stat(out)).mode & 0o777, 0o600)
  assert.equal((await run('caller', 'bootstrap', '--out', out)).code, 2)
  assert.equal((await run('caller', 'bootstrap', '--out', `${out}-2`)).code, 1)
  await assert.rejects(stat(`${out}-2`), { code: 'ENOENT' })
})

test('two instances are one vault: deposit, review, open and trail, each step on the other', { skip }, async () => {
  await using vault = await site()
  const { one, two, key } = vault
  const [onboarding, reviewer, auditor] = await Promise.all(['onboarding', 'reviewer', 'auditor'].map(key))
  assert.ok(onboarding && reviewer && auditor)
  assert.equal((await reachTier(one.url, onboarding)).status, 202)
  const card = await drawIdCard(900)
  const first = await upload(two.url, onboarding, 'card', card)
  assert.equal(first.status, 201)
  const again = await upload(one.url, onboarding, 'card', card)
  assert.equal(again.headers.get('idempotent-replayed'), 'true')
  assert.deepEqual(again.json, first.json)
  const open = (url: string) =>
    call(url, 'GET', `/v1/documents/${first.json.id}/content`, { key: reviewer, headers: why })
  assert.equal((await open(one.url)).status, 403, 'not without the review')
  const pending = await call(one.url, 'GET', '/v1/reviews?state=pending', { key: reviewer })
  assert.equal(pending.json.items.length, 1)
  const assignment = `/v1/reviews/${pending.json.items[0].id}/assignment`
  assert.equal((await call(two.url, 'PUT', assignment, { key: reviewer })).status, 200)
  const [here, there] = [await open(one.url), await open(two.url)]
  assert.deepEqual([here.status, there.status], [200, 200])
  assert.equal(here.bytes.length, first.json.sizeBytes)
  assert.ok(here.bytes.equals(there.bytes))
  const decided = await call(two.url, 'POST', `/v1/documents/${first.json.id}/reviews`, {
    key: reviewer,
    headers: { 'Idempotency-Key': 'decide' },
    json: { decision: 'approve', reasons: ['matches-subject'] },
  })
  assert.equal(decided.status, 201)
  const trail = await call(one.url, 'GET', `/v1/trail/entries?document=${first.json.id}&limit=100`, {
    key: auditor,
    headers: why,
  })
  assert.equal(trail.status, 200)
  const acts = trail.json.items.map(({ entry }: { entry: { act: string; out: string } }) => `${entry.act} ${entry.out}`)
  for (const act of ['document.deposit done', 'document.open.original deny', 'document.open.original done'])
    assert.ok(acts.includes(act), `${act} in ${acts}`)
  await stopped(vault)
})

test('racing uploads of one key on two instances make one paper', { skip }, async () => {
  await using vault = await site()
  const onboarding = await vault.key('onboarding')
  await reachTier(vault.one.url, onboarding)
  const bill = drawAddressProof()
  const racers = await Promise.all(
    Array.from({ length: 8 }, (_, at) =>
      upload((at % 2 ? vault.one : vault.two).url, onboarding, 'bill', bill, 'address', 'utility-bill'),
    ),
  )
  for (const { status } of racers) assert.ok([201, 409, 503].includes(status), String(status))
  const made = new Set(racers.filter(({ status }) => status === 201).map(({ json }) => json.id))
  assert.equal(made.size, 1)
  const listed = await call(vault.two.url, 'GET', documents, { key: onboarding })
  assert.deepEqual(
    listed.json.items.map(({ id }: { id: string }) => id),
    [...made],
  )
  await stopped(vault)
})

for (const part of ['s3', 'kms'] as const) {
  for (const cut of ['refused', 'silent'] as const) {
    const title = `while ${part} is ${cut}, uploads and reads are answered with 503 within 3 s, and then go on without a restart`
    test(title, { skip }, () => survives(part, cut))
  }
}

async function survives(part: 's3' | 'kms', cut: Cut): Promise<void> {
  await using vault = await site()
  const { one, two, key, place } = vault
  const [onboarding, reviewer] = [await key('onboarding'), await key('reviewer')]
  await reachTier(one.url, onboarding)
  const bill = drawAddressProof()
  const kept = await upload(one.url, onboarding, 'before', bill, 'address', 'utility-bill')
  assert.equal(kept.status, 201)
  const review = (await call(one.url, 'GET', '/v1/reviews?state=pending', { key: reviewer })).json.items[0].id
  await call(one.url, 'PUT', `/v1/reviews/${review}/assignment`, { key: reviewer })
  const open = () => call(two.url, 'GET', `/v1/documents/${kept.json.id}/content`, { key: reviewer, headers: why })
  const card = await drawIdCard(600)
  const proxy: FaultProxy = place[part]
  const broken = await proxy.cut(cut)
  await fails(() => upload(one.url, onboarding, 'during', card))
  await fails(open)
  while ((await call(one.url, 'GET', '/readyz')).status !== 503) await new Promise(setImmediate)
  assert.equal((await call(one.url, 'GET', '/livez')).status, 200)
  await broken[Symbol.asyncDispose]()
  while ((await call(one.url, 'GET', '/readyz')).status !== 200) await new Promise(setImmediate)
  assert.equal((await open()).bytes.length, kept.json.sizeBytes)
  assert.equal((await upload(one.url, onboarding, 'during', card)).status, 201)
  await stopped(vault)
}

async function fails(act: () => Promise<CallAnswer>): Promise<void> {
  const startMs = performance.now()
  const answer = await act()
  assert.equal(answer.status, 503)
  assert.ok(Number(answer.headers.get('retry-after')) > 0)
  assert.ok(performance.now() - startMs < 3_000, `${performance.now() - startMs} ms`)
}
