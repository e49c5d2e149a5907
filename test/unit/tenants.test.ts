import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadTenants } from '../../src/adapters/file-tenants.ts'
import { paperTypes } from '../../src/domain/media.ts'
import { refusePaper, type Tenant } from '../../src/domain/tenant.ts'
import { emptyFolder } from '../support/folder.ts'
import { refused } from '../support/refused.ts'

const shipped = join(import.meta.dirname, '../../infra/tenants')

async function tenant(id: string): Promise<Tenant> {
  const found = [...(await loadTenants(shipped)).values()].find(one => one.id === id)
  return found ?? assert.fail(`${id} does not ship`)
}

test('the three platforms ship, each with every paper either taken or refused in words', async () => {
  const tenants = await loadTenants(shipped)
  assert.deepEqual([...tenants.keys()], ['jnetot', 'nomor-keluar', 'omo7777'])
  for (const { papers, refused: promises, zone } of tenants.values()) {
    for (const type of paperTypes) assert.notEqual(papers.has(type), promises.has(type))
    assert.equal(zone, 'Asia/Jakarta')
  }
})

test('each platform takes the papers it promised to, and no others', async () => {
  const taken = async (id: string) => [...(await tenant(id)).papers.keys()]
  assert.deepEqual(await taken('nomor-keluar'), ['id', 'address'])
  assert.deepEqual(await taken('omo7777'), ['id', 'address', 'selfie'])
  assert.deepEqual(await taken('jnetot'), ['id', 'address', 'payment_ownership'])
})

test('the second platform takes papers only from tier 2 on', async () => {
  const omo = await tenant('omo7777')
  assert.equal(refusePaper(omo, 'selfie', 'portrait', 1)?.code, 'paper.tier-too-low')
  assert.equal(refusePaper(omo, 'selfie', 'portrait', 2), undefined)
})

test('a refused paper is refused with the promise that refuses it', async () => {
  const refusal = refusePaper(await tenant('nomor-keluar'), 'selfie', 'portrait', 9)
  assert.equal(refusal?.code, 'paper.type-not-allowed')
  assert.match(refusal?.detail ?? '', /no biometrics/)
})

test('only the second platform shows support staff a masked picture', async () => {
  for (const { id, support } of (await loadTenants(shipped)).values()) {
    assert.equal(support.rendition, id === 'omo7777' ? 'masked' : 'none')
  }
})

test('every problem of every file is named by file and path', async () => {
  await using folder = await emptyFolder()
  const good = JSON.parse(await readFile(join(shipped, 'omo7777.json'), 'utf8'))
  const files: Record<string, string> = {
    'a.json': '{',
    'b.json': JSON.stringify({ ...good, id: 'b', zone: 'Asia/Nowhere', roles: ['reviewer', 'system'] }),
    'c.json': JSON.stringify({ ...good, id: 'c', papers: { id: { kinds: [], minTier: 12 } }, more: 1 }),
    'd.json': JSON.stringify({ ...good }),
    'e.json': JSON.stringify({ ...good, id: 'e', refused: { selfie: 'no' } }),
    'f.json': JSON.stringify({ ...good, id: 'f', purposes: ['kyc', 'kyc'], papers: { passport: {} } }),
    'README.md': 'not a tenant',
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder.path, name), text)
  const { facts } = await refused(loadTenants(folder.path), 'config.invalid')
  const fields = (facts.problems ?? []).map(({ field }) => field)
  for (const expected of [
    'a.json',
    'b.json: zone',
    'b.json: roles.1',
    'c.json: papers.id.kinds',
    'c.json: papers.id.minTier',
    'c.json: top level',
    'd.json: id',
    'e.json: refused.selfie',
    'e.json: refused.payment_ownership',
    'f.json: purposes',
  ]) {
    assert.ok(fields.includes(expected), `${expected} is missing in ${fields.join(' | ')}`)
  }
  assert.ok(fields.some(field => field.startsWith('f.json: papers')))
})

test('a folder without a tenant, or that is not there, is refused', async () => {
  await using folder = await emptyFolder()
  await refused(loadTenants(folder.path), 'config.invalid')
  await refused(loadTenants(join(folder.path, 'absent')), 'config.invalid')
})
