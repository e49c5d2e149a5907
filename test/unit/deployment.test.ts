import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { loadTenants } from '../../src/adapters/file-tenants.ts'
import { uriProblems } from '../../src/adapters/mongo-inspection.ts'
import { brokenPromises, type Deployment, regionFinding } from '../../src/domain/deployment.ts'
import type { Tenant } from '../../src/domain/tenant.ts'

const shipped = fileURLToPath(new URL('../../infra/tenants', import.meta.url))

const jakarta: Deployment = { regions: ['ap-southeast-3'], tlsFloor: '1.3', takesDemo: true }

async function tenant(id: string, over: Partial<Tenant> = {}): Promise<Tenant> {
  const found = [...(await loadTenants(shipped)).values()].find(one => one.id === id)
  return { ...(found ?? assert.fail(id)), ...over }
}

const problemsOf = (one: Tenant, deployment: Deployment): readonly string[] =>
  brokenPromises(one, deployment)
    .filter(({ weight }) => weight === 'problem')
    .map(({ field, message }) => `${field}: ${message}`)

test('each shipped tenant may be served where it promised to be, and nowhere else', async () => {
  const here = { ...jakarta }
  const abroad = { ...jakarta, regions: ['ap-southeast-1', 'ap-southeast-2'] }
  assert.deepEqual(problemsOf(await tenant('omo7777'), here), [])
  assert.deepEqual(problemsOf(await tenant('nomor-keluar'), here), [])
  assert.deepEqual(problemsOf(await tenant('jnetot'), abroad), [])
  assert.deepEqual(problemsOf(await tenant('omo7777'), abroad), [
    'omo7777.json: residency: forbids the region ap-southeast-1',
    'omo7777.json: residency: forbids the region ap-southeast-2',
  ])
  assert.match(problemsOf(await tenant('jnetot'), here).join(), /forbids the region ap-southeast-3/)
})

test('one place is not two: a tenant that asks for copies elsewhere is refused where there is one region', async () => {
  const one = { ...jakarta, regions: ['ap-southeast-1'] }
  assert.deepEqual(problemsOf(await tenant('jnetot'), one), [
    'jnetot.json: residency: asks for 2 regions; VAULT_REGIONS names fewer',
  ])
})

test('a tenant that promised TLS 1.3 is refused behind a proxy that takes 1.2', async () => {
  const strict = await tenant('omo7777', { tlsAtLeast: '1.3' })
  assert.deepEqual(problemsOf(strict, { ...jakarta, tlsFloor: '1.2' }), [
    'omo7777.json: tls.atLeast: asks for TLS 1.3; VAULT_TLS_FLOOR is 1.2',
  ])
  assert.deepEqual(problemsOf(strict, jakarta), [])
  assert.deepEqual(problemsOf({ ...strict, tlsAtLeast: '1.2' }, { ...jakarta, tlsFloor: '1.2' }), [])
})

test('references for trying out are refused one by one, unless the operator takes them for real', async () => {
  const one = await tenant('omo7777')
  assert.ok(one.demo.length > 0)
  const found = problemsOf(one, { ...jakarta, takesDemo: false })
  assert.deepEqual(
    found,
    one.demo.map(member => `omo7777.json: ${member}: is a demo: reference, which production refuses`),
  )
  assert.deepEqual(problemsOf({ ...one, demo: [] }, { ...jakarta, takesDemo: false }), [])
})

test('a tenant that lacks something is a remark: it takes no papers, and its papers can still be read', async () => {
  const one = await tenant('omo7777', { lacking: ['licence'] })
  assert.deepEqual(
    brokenPromises(one, jakarta).map(({ weight, field }) => [weight, field]),
    [['remark', 'omo7777.json: licence']],
  )
})

test('what a service says of its place counts, and silence is no answer', () => {
  assert.deepEqual(regionFinding('VAULT_S3_BUCKET', 'ap-southeast-3', ['ap-southeast-3']), [])
  assert.match(regionFinding('VAULT_S3_BUCKET', 'us-east-1', ['ap-southeast-3'])[0]?.message ?? '', /us-east-1/)
  assert.equal(regionFinding('VAULT_S3_BUCKET', undefined, ['ap-southeast-3'])[0]?.weight, 'problem')
})

test('a URI of MongoDB asks for TLS that is checked, but on this machine', () => {
  const good = [
    'mongodb://127.0.0.1:27017,localhost:27018,[::1]:27019/?replicaSet=rs0',
    'mongodb://user:p%40ss@db1.example,db2.example/?replicaSet=rs0&tls=true',
    'mongodb://db1.example/?ssl=true',
    'mongodb+srv://user:pass@cluster.example/',
  ]
  for (const uri of good) assert.deepEqual(uriProblems(uri), [], uri)
  const bad = [
    'mongodb://db1.example/?replicaSet=rs0',
    'mongodb://127.0.0.1,db1.example/?replicaSet=rs0',
    'mongodb://127.0.0.1.example/',
    'mongodb://127.0.0.1@db1.example/',
    'mongodb+srv://cluster.example/?tls=false',
    'mongodb://db1.example/?tls=true&tlsAllowInvalidCertificates=true',
    'mongodb://db1.example/?tls=true&tlsInsecure=true',
    'postgres://db1.example/',
  ]
  for (const uri of bad) assert.equal(uriProblems(uri).length, 1, uri)
})
