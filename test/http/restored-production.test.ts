import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as passed } from 'node:timers/promises'
import { call, paper } from '../support/call.ts'
import { noisePicture } from '../support/house-work.ts'
import { dump, putBack } from '../support/mongo-dump.ts'
import { productionPlace, productionSkip } from '../support/production-place.ts'
import { prepare, problemsIn } from '../support/production-site.ts'
import { runVault, type SpawnedVault, serveVault } from '../support/spawned-vault.ts'

const tenant = 'nomor-keluar'
const reading = { 'Vault-Purpose': 'kyc', 'Vault-Case': 'CASE-1' }
const deciding = { 'Vault-Purpose': 'legal', 'Vault-Case': 'ORDER-1', 'Idempotency-Key': 'erase' }

/** As an operator meets it by the runbook: two databases of this morning are put back under instances that were stopped. */
test('production, an older dump of the databases put back: 503 until restore-check was run, then the vault serves as ever', {
  skip: productionSkip,
}, async () => {
  await using place = await productionPlace()
  const key = await prepare(place)
  const platform = await key(tenant, 'onboarding')
  const senior = await key(tenant, 'senior-reviewer')
  const dpo = await key(tenant, 'dpo')
  const upload = async ({ url }: SpawnedVault, person: string, seed: number): Promise<string> => {
    const body = paper({ type: 'id', kind: 'passport' }, await noisePicture(seed, 64))
    const headers = { 'Idempotency-Key': person }
    const answer = await call(url, 'POST', `/v1/subjects/${person}/documents`, { key: platform, headers, body })
    assert.equal(answer.status, 201, answer.json.code)
    return answer.json.id
  }
  const read = ({ url }: SpawnedVault, id: string) =>
    call(url, 'GET', `/v1/documents/${id}/content`, { key: senior, headers: reading })
  let morning: Awaited<ReturnType<typeof dump>>
  let [kept, destroyed] = ['', '']
  const certificate = ({ url }: SpawnedVault) =>
    call(url, 'GET', `/v1/documents/${destroyed}/certificate`, { key: dpo })
  {
    await using vault = await serveVault(place.settings)
    kept = await upload(vault, 'stays', 1)
    destroyed = await upload(vault, 'leaves', 2)
    morning = await dump(place)
    const headers = { ...deciding, 'Vault-Second-Authorization': `Bearer ${await key(tenant, 'legal')}` }
    const json = { reason: 'court-order' }
    const erased = await call(vault.url, 'POST', `/v1/documents/${destroyed}/erasure`, { key: dpo, headers, json })
    assert.equal(erased.status, 202, erased.json.code)
    const deadlineMs = performance.now() + 120_000
    while ((await certificate(vault)).status !== 200) {
      assert.ok(performance.now() < deadlineMs, 'the jobs destroy within a minute what two people gave up')
      await passed(500)
    }
    assert.equal((await read(vault, destroyed)).status, 410)
    vault.process.kill('SIGTERM')
    assert.equal((await vault.ended).code, 0)
  }
  await putBack(morning)
  {
    await using vault = await serveVault(place.settings)
    for (const id of [kept, destroyed]) {
      const answer = await read(vault, id)
      assert.deepEqual([answer.status, answer.json.code], [503, 'vault.restored'])
    }
    const ready = await call(vault.url, 'GET', '/readyz')
    assert.deepEqual([ready.status, ready.json], [503, { ready: false, failing: ['restored'] }])
    vault.process.kill('SIGTERM')
    assert.equal((await vault.ended).code, 0)
  }
  const mended = await runVault(['restore-check'], place.settings)
  assert.equal(mended.code, 0, mended.stderr)
  assert.match(mended.stdout, /restored from before: .*ledger/)
  assert.match(mended.stdout, /opened nomor-keluar\/\d{4}\.1/)
  assert.match(mended.stdout, /1 marks on the list, 1 papers destroyed again/)
  assert.deepEqual(await problemsIn(place), [])
  const verified = await runVault(['trail', 'verify'], place.settings)
  assert.equal(verified.code, 0, verified.stdout)
  await using vault = await serveVault(place.settings)
  assert.equal((await call(vault.url, 'GET', '/readyz')).status, 200)
  assert.equal((await read(vault, kept)).status, 200)
  assert.equal((await read(vault, destroyed)).status, 410)
  const { status, json } = await certificate(vault)
  assert.deepEqual([status, json.basis], [200, 'restore:replayed'])
  await upload(vault, 'comes', 3)
})
