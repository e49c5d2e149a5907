import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { MongoRole } from '../../src/adapters/mongo-roles.ts'
import { openVault } from '../../src/compose.ts'
import { readConfig } from '../../src/config.ts'
import { runPurgesOfAll } from '../../src/jobs/purge-turns.ts'
import { call, paper } from '../support/call.ts'
import { freePort } from '../support/free-port.ts'
import { guardedDatabase } from '../support/guarded-database.ts'
import { drawIdCard } from '../support/papers.ts'
import { productionPlace, productionSkip } from '../support/production-place.ts'
import { runVault, type SpawnedVault, serveVault } from '../support/spawned-vault.ts'

const tenant = 'omo7777'
const subject = '/v1/subjects/person-1'
const why = { 'Vault-Purpose': 'kyc', 'Vault-Case': 'CASE-1' }
const processes = { intake: 'upload', access: 'read', jobs: 'purge', keys: 'rewrap' } as const

/** Resolves once a job of the process ended; a failure of any of them fails the test. */
async function jobsOf(vault: SpawnedVault, metrics: string, task: string): Promise<void> {
  for (;;) {
    const text = await (await fetch(metrics)).text()
    const failed = /^vault_job_runs_total\{task="([^"]+)",out="failed"\} [1-9]/m.exec(text)?.[1]
    assert.equal(failed, undefined, 'a job failed')
    if (new RegExp(`^vault_job_runs_total\\{task="${task}",out="done"\\} [1-9]`, 'm').test(text)) {
      // Whatever may not be counted has no row.
      for (const name of [
        'vault_purge_clock_trusted',
        'vault_purge_due',
        'vault_keys_to_rewrap',
        'vault_keys_rotation_asked',
      ])
        assert.match(text, new RegExp(`^${name}\\{tenant="${tenant}"\\} `, 'm'))
      return
    }
    assert.equal(vault.process.exitCode, null)
    await new Promise(setImmediate)
  }
}

interface Doors {
  readonly intake: SpawnedVault
  readonly access: SpawnedVault
}

/** The account ended long ago; one person plans and asks, another approves, and jobs with these rights destroy, leaving nothing of the person. */
async function purged(
  settings: Readonly<Record<string, string>>,
  { intake, access }: Doors,
  dpo: string,
  purger: string,
  { id, onboarding }: { readonly id: string; readonly onboarding: string },
): Promise<void> {
  const post = (door: SpawnedVault, path: string, key: string, json: object) =>
    call(door.url, 'POST', path, {
      key,
      headers: { 'Idempotency-Key': JSON.stringify(json).replaceAll(' ', '') },
      json,
    })
  const closed = await post(intake, `${subject}/events`, onboarding, { type: 'closed', at: '2005-01-01T00:00:00Z' })
  assert.equal(closed.status, 202)
  const { json: plan } = await post(access, '/v1/purge-runs', purger, { step: 'plan' })
  assert.equal(plan.count, 1)
  const approved = await post(access, `/v1/purge-runs/${plan.id}/approval`, dpo, { planHash: plan.planHash })
  assert.equal(approved.status, 200)
  const asked = await post(access, '/v1/purge-runs', purger, { step: 'execute', planHash: plan.planHash })
  assert.equal(asked.status, 202)
  // As the SDK finds them: the vault has no setting for credentials.
  for (const [name, value] of Object.entries(settings)) if (name.startsWith('AWS_')) process.env[name] = value
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
  await using jobs = await openVault(readConfig({ ...settings }), { log, roles: ['jobs'] })
  const about = () => call(access.url, 'GET', `/v1/documents/${id}/certificate`, { key: dpo })
  // The jobs' own process may be at it first.
  while ((await about()).status !== 200) await runPurgesOfAll(jobs.vault, new AbortController().signal)
  assert.equal((await call(access.url, 'GET', subject, { key: dpo })).json.code, 'subject.unknown')
}

type Own = Readonly<Record<keyof typeof processes, Record<string, string>>>

/** Two people ask for a new wrapping key, an operator makes it, and what is stored is wrapped anew under it. */
async function rotated({ intake, access }: Doors, own: Own, key: (role: string) => Promise<string>): Promise<void> {
  const other = '/v1/subjects/person-2'
  const [onboarding, senior, auditor] = [await key('onboarding'), await key('senior-reviewer'), await key('auditor')]
  const headers = (idempotency: string) => ({ 'Idempotency-Key': idempotency })
  const event = { type: 'tier', at: new Date().toISOString(), tier: 2 }
  await call(intake.url, 'POST', `${other}/events`, { key: onboarding, headers: headers('other-tier'), json: event })
  const body = paper({ type: 'id', kind: 'e-ktp' }, await drawIdCard(601))
  const asked = { key: onboarding, headers: headers('other-card'), body }
  const { json: kept } = await call(intake.url, 'POST', `${other}/documents`, asked)
  const listed = async () => (await call(access.url, 'GET', '/v1/keys', { key: auditor })).json.items
  const [{ epoch }] = await listed()
  const rotation = await call(access.url, 'POST', '/v1/keys/rotations', {
    key: await key('admin'),
    headers: { ...headers('rotate'), 'Vault-Second-Authorization': `Bearer ${await key('dpo')}` },
    json: { epoch },
  })
  assert.deepEqual([rotation.status, rotation.json.next], [202, { step: 'replace' }])
  const begun = await runVault(['keys', 'rotate', '--asked'], own.keys)
  assert.equal(begun.code, 0, begun.stderr)
  const flip = JSON.parse(begun.stdout)
  assert.deepEqual([flip.tenant, flip.from], [tenant, epoch])
  const rewrapped = await runVault(['keys', 'rewrap'], own.keys)
  assert.equal(rewrapped.code, 0, rewrapped.stderr)
  const after: readonly Record<string, unknown>[] = await listed()
  assert.equal(after.find(one => one['epoch'] === flip.from)?.['state'], 'former')
  // Of the upload that failed a key may be left under the former one, until it is swept.
  assert.equal(after.find(one => one['epoch'] === flip.to)?.['keys'], 1)
  const anew = await call(access.url, 'GET', `/v1/documents/${kept.id}/content`, { key: senior, headers: why })
  assert.deepEqual([anew.status, anew.bytes.length], [200, kept.sizeBytes])
}

test('with the rights that keys init prints and no other, each process does its work on a database that asks who it is', {
  skip: productionSkip,
}, async () => {
  await using database = await guardedDatabase()
  await using place = await productionPlace(database.uri)
  const { settings, folder, doorKey, s3 } = place
  const out = join(folder, 'first.json')
  const inited = await runVault(['keys', 'init', '--door-key', doorKey], settings)
  assert.equal(inited.code, 0, inited.stderr)
  const { mongodb: roles } = (JSON.parse(inited.stdout) as { policies: { mongodb: Record<string, MongoRole> } })
    .policies
  const as = async (name: string): Promise<Record<string, string>> => {
    const path = join(folder, `uri-of-${name}`)
    await writeFile(path, await database.userWith(roles[name] ?? assert.fail(name)), { mode: 0o600 })
    return { ...settings, VAULT_MONGODB_URI_FILE: path }
  }
  const migrated = await runVault(['migrate'], await as('migrate'))
  assert.equal(migrated.code, 0, migrated.stderr)
  const read = await as('read')
  const made = await runVault(['caller', 'bootstrap', '--out', out], read)
  assert.equal(made.code, 0, made.stderr)
  const own = { intake: await as('upload'), access: read, jobs: await as('purge'), keys: await as('rewrap') }
  for (const role of Object.keys(processes) as (keyof typeof processes)[]) {
    const checked = await runVault(['check-config', '--as', role, '--json'], own[role])
    const { findings } = JSON.parse(checked.stdout) as { findings: readonly { weight: string; message: string }[] }
    assert.deepEqual(
      findings.filter(({ weight }) => weight !== 'remark'),
      [],
      role,
    )
  }
  await using intake = await serveVault(own.intake, '--as', 'intake')
  await using access = await serveVault(own.access, '--as', 'access')
  const port = await freePort()
  await using jobs = await serveVault({ ...own.jobs, VAULT_METRICS_PORT: String(port) }, '--as', 'jobs')
  await using keys = await serveVault(own.keys, '--as', 'keys')
  const key = (role: string) => place.keyOf(out, tenant, role)
  const [onboarding, senior] = [await key('onboarding'), await key('senior-reviewer')]
  const card = await drawIdCard(600)
  const headers = (idempotency: string) => ({ 'Idempotency-Key': idempotency })
  const event = { type: 'tier', at: new Date().toISOString(), tier: 2 }
  const told = await call(intake.url, 'POST', `${subject}/events`, {
    key: onboarding,
    headers: headers('t'),
    json: event,
  })
  assert.equal(told.status, 202)
  const upload = (idempotency: string) =>
    call(intake.url, 'POST', `${subject}/documents`, {
      key: onboarding,
      headers: headers(idempotency),
      body: paper({ type: 'id', kind: 'e-ktp' }, card),
    })
  const cut = await s3.cut('refused')
  assert.equal((await upload('card')).status, 503)
  await cut[Symbol.asyncDispose]()
  const kept = await upload('card')
  assert.equal(kept.status, 201, 'a failed try frees its key at once')
  const review = (await call(access.url, 'GET', '/v1/reviews', { key: senior })).json.items[0].id
  assert.equal((await call(access.url, 'PUT', `/v1/reviews/${review}/assignment`, { key: senior })).status, 200)
  const opened = await call(access.url, 'GET', `/v1/documents/${kept.json.id}/content`, { key: senior, headers: why })
  assert.deepEqual([opened.status, opened.bytes.length], [200, kept.json.sizeBytes])
  const decided = await call(access.url, 'POST', `/v1/documents/${kept.json.id}/reviews`, {
    key: senior,
    headers: headers('decide'),
    json: { decision: 'approve', reasons: ['matches-subject'] },
  })
  assert.equal(decided.status, 201)
  await jobsOf(jobs, `http://127.0.0.1:${port}/metrics`, 'sweep-deposits')
  await purged(own.jobs, { intake, access }, await key('dpo'), await key('purge'), { id: kept.json.id, onboarding })
  await rotated({ intake, access }, own, key)
  for (const { url } of [intake, access, jobs, keys]) {
    assert.deepEqual((await call(url, 'GET', '/readyz')).json, { ready: true, failing: [] })
  }
  for (const vault of [intake, access, jobs, keys]) {
    vault.process.kill('SIGTERM')
    const { code, stderr } = await vault.ended
    assert.equal(code, 0)
    assert.ok(!/"msg":"job failed"|unexpected error/.test(stderr), stderr)
  }
})
