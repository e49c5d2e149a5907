import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ProcessRole, processRoles } from '../../src/domain/process-role.ts'
import { routes } from '../../src/http/routes.ts'
import { isServed, requireServed, servedBy } from '../../src/http/served-by.ts'
import { jobsOf } from '../../src/jobs/jobs.ts'
import { call, paper } from '../support/call.ts'
import { emptyFolder } from '../support/folder.ts'
import { openVault } from '../support/open-vault.ts'
import { drawIdCard } from '../support/papers.ts'
import { productionPlace, productionSkip } from '../support/production-place.ts'
import { runVault, serveVault, settingsIn } from '../support/spawned-vault.ts'

const why = { 'Vault-Purpose': 'kyc', 'Vault-Case': 'CASE-1' }

test('every route has its processes, and the table names no other', () => {
  assert.doesNotThrow(() => requireServed(routes))
  assert.deepEqual(Object.keys(servedBy).toSorted(), routes.map(({ id }) => id).toSorted())
})

test('a route without a process stops the start, and so does a process of no route', () => {
  assert.throws(() => requireServed([...routes, { id: 'photocopy' }]), /no process serves the route photocopy/)
  assert.throws(() => requireServed(routes.filter(({ id }) => id !== 'livez')), /names livez, which is no route/)
})

for (const role of processRoles) {
  test(`a process for ${role} answers its own routes, and says of the others that they are elsewhere`, async () => {
    await using opened = await openVault({ roles: [role] })
    const { url } = opened.door
    for (const route of routes) {
      const path = route.path.replaceAll(/\{(\w+)\}/g, '00000000-0000-7000-8000-000000000000')
      const method = route.method.toUpperCase()
      const answer = await call(url, method, path)
      assert.equal(answer.json.code === 'request.misdirected', !isServed(route, [role]), `${method} ${path}`)
      if (answer.status === 421) assert.equal(answer.headers.get('content-type'), 'application/problem+json')
    }
    assert.equal((await call(url, 'GET', '/livez')).status, 200)
    assert.deepEqual((await call(url, 'GET', '/readyz')).json, { ready: true, failing: [] })
  })
}

test('a process for jobs knows no caller: nothing below /v1 is answered, whatever is shown', async () => {
  await using opened = await openVault({ roles: ['jobs'] })
  const { url } = opened.door
  const key = opened.key('omo7777', 'admin')
  for (const path of ['/v1/callers', '/v1/limits', '/v1/nothing']) {
    assert.equal((await call(url, 'GET', path, { key })).status, 421, path)
  }
  assert.equal((await call(url, 'GET', '/nothing')).status, 404)
})

test('work that all processes share is that of jobs, wrapping keys anew that of keys; each keeps its own counts', () => {
  const namesOf = (...roles: readonly ProcessRole[]) => jobsOf(roles).map(({ name }) => name)
  assert.deepEqual(namesOf('intake'), ['count-refusals'])
  assert.deepEqual(namesOf('intake', 'access'), ['count-refusals'])
  assert.ok(namesOf('jobs').includes('sweep-deposits'))
  assert.deepEqual(namesOf('keys'), ['count-refusals', 'rewrap-keys'])
  assert.deepEqual([...namesOf('jobs'), 'rewrap-keys'], namesOf(...processRoles))
})

test('roles are named with commas or one by one, and a name that is none is refused before anything opens', async () => {
  await using folder = await emptyFolder()
  for (const named of ['purge', '', 'intake,', 'intake access']) {
    const ran = await runVault(['serve', '--as', named], settingsIn(folder.path))
    assert.equal(ran.code, 2)
    assert.match(ran.stderr, /--as must name some of intake, access, jobs/)
  }
  await using vault = await serveVault(settingsIn(folder.path), '--as', 'jobs,intake', '--as', 'intake')
  assert.equal((await call(vault.url, 'GET', '/readyz')).status, 200)
  assert.equal((await call(vault.url, 'GET', '/v1/reviews')).status, 421)
  assert.equal((await call(vault.url, 'GET', '/v1/limits')).status, 401)
})

test('three processes with a role each do together what one does with all', { skip: productionSkip }, async () => {
  await using place = await productionPlace()
  const { settings, folder, doorKey } = place
  const out = join(folder, 'first.json')
  for (const args of [['keys', 'init', '--door-key', doorKey], ['migrate'], ['caller', 'bootstrap', '--out', out]]) {
    const ran = await runVault(args, settings)
    assert.equal(ran.code, 0, ran.stderr)
  }
  const key = (role: string) => place.keyOf(out, 'omo7777', role)
  // The jobs need no door file: theirs is none.
  const jobsSettings = { ...settings, VAULT_KMS_DOOR_FILE: join(folder, 'none') }
  await using intake = await serveVault(settings, '--as', 'intake')
  await using access = await serveVault(settings, '--as', 'access')
  await using jobs = await serveVault(jobsSettings, '--as', 'jobs')
  const [onboarding, senior] = [await key('onboarding'), await key('senior-reviewer')]
  await call(intake.url, 'POST', '/v1/subjects/person-1/events', {
    key: onboarding,
    headers: { 'Idempotency-Key': 'tier' },
    json: { type: 'tier', at: new Date().toISOString(), tier: 2 },
  })
  const upload = (url: string) =>
    call(url, 'POST', '/v1/subjects/person-1/documents', {
      key: onboarding,
      headers: { 'Idempotency-Key': 'card' },
      body: paper({ type: 'id', kind: 'e-ktp' }, card),
    })
  const card = await drawIdCard(600)
  assert.equal((await call(access.url, 'POST', '/v1/subjects/person-1/documents')).status, 421)
  const kept = await upload(intake.url)
  assert.equal(kept.status, 201)
  const open = (url: string) => call(url, 'GET', `/v1/documents/${kept.json.id}/content`, { key: senior, headers: why })
  assert.deepEqual([(await open(intake.url)).status, (await open(jobs.url)).status], [421, 421])
  const opened = await open(access.url)
  assert.equal(opened.status, 200)
  assert.equal(opened.bytes.length, kept.json.sizeBytes)
  for (const { url } of [intake, access, jobs]) assert.equal((await call(url, 'GET', '/readyz')).status, 200)
  const cut = await place.kms.cut('refused')
  for (const { url } of [intake, access]) {
    while ((await call(url, 'GET', '/readyz')).status !== 503) await new Promise(setImmediate)
    assert.deepEqual((await call(url, 'GET', '/readyz')).json.failing, ['keyring'])
  }
  assert.equal((await call(jobs.url, 'GET', '/readyz')).status, 200, 'whoever destroys needs no KMS')
  await cut[Symbol.asyncDispose]()
  for (const vault of [intake, access, jobs]) {
    vault.process.kill('SIGTERM')
    assert.equal((await vault.ended).code, 0)
  }
  const checked = await runVault(['check', '--json'], jobsSettings)
  assert.equal(checked.code, 0, checked.stdout)
})
