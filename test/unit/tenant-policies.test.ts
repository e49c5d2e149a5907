import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { loadTenants } from '../../src/adapters/file-tenants.ts'
import { paperTypes } from '../../src/domain/media.ts'
import { statutoryFloorYears } from '../../src/domain/statute.ts'
import { isActive, type Tenant } from '../../src/domain/tenant.ts'
import { emptyFolder } from '../support/folder.ts'
import { refused } from '../support/refused.ts'

const shipped = join(import.meta.dirname, '../../infra/tenants')

/** A good file as JSON, with the members at these paths changed, or taken away where undefined is given. */
async function good(changes: Record<string, unknown> = {}): Promise<Json> {
  return changed(JSON.parse(await readFile(join(shipped, 'omo7777.json'), 'utf8')), changes)
}

type Json = Readonly<Record<string, unknown>>

function changed(file: Json, changes: Record<string, unknown>): Json {
  const copy = structuredClone(file)
  for (const [path, value] of Object.entries(changes)) {
    const names = path.split('.')
    const last = names.pop() ?? ''
    const owner = names.reduce((at: unknown, name) => Reflect.get(Object(at), name), copy)
    if (value === undefined) Reflect.deleteProperty(Object(owner), last)
    else Reflect.set(Object(owner), last, value)
  }
  return copy
}

/** Its clocks, as the file of an earlier version has them. */
function clocksOf(file: Json, version: number, changes: Record<string, unknown> = {}): Json {
  const { zone, retention, deletion } = file
  return changed({ version, zone, retention, deletion }, changes)
}

async function load(files: Record<string, Json | string>): Promise<Tenant> {
  await using folder = await emptyFolder()
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder.path, name)), { recursive: true })
    await writeFile(join(folder.path, name), typeof content === 'string' ? content : JSON.stringify(content))
  }
  const [tenant] = (await loadTenants(folder.path)).values()
  return tenant ?? assert.fail('no tenant')
}

/** @returns every problem as `path: message` */
async function problemsOf(files: Record<string, Json | string>): Promise<readonly string[]> {
  const { facts } = await refused(load(files), 'config.invalid')
  return (facts.problems ?? []).map(({ field, message }) => `${field}: ${message}`)
}

const long = 'x'.repeat(700)

/** What is wrong with a file, what is changed in a good one to get there, and at which paths problems are named, in order. */
const wrong: readonly (readonly [says: string, changes: Record<string, unknown>, ...paths: string[]])[] = [
  ['a paper that is taken has no rule', { 'retention.selfie': undefined }, 'retention.selfie', 'bases.consent'],
  ['a rule promises fewer years than its floor', { 'retention.id.years': 4 }, 'retention.id.years'],
  ["a rule is shorter than the law's own floor", { 'retention.address.floorYears': 4 }, 'retention.address.floorYears'],
  ['a request keeps a paper to no floor', { 'retention.selfie.onDeletion': 'floor' }, 'retention.selfie.onDeletion'],
  ['a request destroys what the law keeps', { 'retention.id.onDeletion': 'shred' }, 'retention.id.onDeletion'],
  ['destroyed only when the answer is due', { 'deletion.answerDays': 21 }, 'deletion.shredAfterDays'],
  ['an answer later than the law allows', { 'deletion.answerDays': 31 }, 'deletion.answerDays'],
  ['a rule for a paper that does not exist', { 'retention.passport': {} }, 'retention'],
  ['an unknown member of a rule', { 'retention.id.months': 6 }, 'retention.id'],
  ['years that are no whole number', { 'retention.id.years': 6.5 }, 'retention.id.years'],
  ['a floor below zero', { 'retention.selfie.floorYears': -1 }, 'retention.selfie.floorYears'],
  ['an unknown member', { grace: 1 }, 'top level'],
  ['a basis that no rule uses', { 'bases.idle': { ...consent() } }, 'bases.idle'],
  ['a basis without words for the person', { 'bases.consent.words': undefined }, 'bases.consent.words'],
  ['a basis of words without end', { 'bases.consent.words': long }, 'bases.consent.words'],
  ['a basis of no country', { 'bases.consent.jurisdiction': 'Indonesia' }, 'bases.consent.jurisdiction'],
  ['a hold that does not exist', { 'holds.1': 'whim' }, 'holds.1'],
  ['a hold named twice', { 'holds.1': 'legal_order' }, 'holds'],
  ['no hold for a legal order', { holds: ['dispute'] }, 'holds'],
  ['a schedule of six fields', { 'purge.schedule': '0 0 2 * * *' }, 'purge.schedule'],
  ['a schedule by a nickname', { 'purge.schedule': '@daily' }, 'purge.schedule'],
  ['a schedule of an impossible minute', { 'purge.schedule': '60 2 * * *' }, 'purge.schedule'],
  ['a schedule that never comes due', { 'purge.schedule': '0 0 31 2 *' }, 'purge.schedule'],
  ['a schedule too seldom for the answer', { 'purge.schedule': '0 2 1 * *' }, 'purge.schedule'],
  ['runs without a cap', { 'purge.maxPerRun': 0 }, 'purge.maxPerRun'],
  ['no region', { 'residency.regions': {} }, 'residency.regions'],
  ['fewer regions than places', { 'residency.minPlaces': 2 }, 'residency.minPlaces'],
  ['a version of TLS that is broken', { 'tls.atLeast': '1.1' }, 'tls.atLeast'],
  ['a decision without a reason', { 'decisions.0.reason': '' }, 'decisions.0.reason'],
  ['two decisions of one name', { 'decisions.1.id': 'thirty-days-against-seven-years' }, 'decisions.1.id'],
  ['a promise without its source', { 'sources.retention': undefined }, 'sources.retention'],
  ['a licence of nothing', { licence: '' }, 'licence'],
  ['a licence of blanks', { licence: '  ' }, 'licence'],
  ['a licence with a blank before its demo:', { licence: ' demo:x' }, 'licence'],
  ['a basis whose law is a blank', { 'bases.consent.law': ' ' }, 'bases.consent.law'],
  ['a basis whose words are blanks', { 'bases.consent.words': '\u00a0\n' }, 'bases.consent.words'],
  ['a zone that is an offset, which knows no calendar', { zone: '+07:00' }, 'zone'],
  ['clocks of earlier versions are missing', { version: 3 }, 'version'],
  [
    'a broken form hides no contradiction elsewhere',
    { name: '', holds: [], 'retention.id.years': 3, 'deletion.answerDays': 21 },
    'name',
    'retention.id.years',
    'deletion.shredAfterDays',
    'holds',
  ],
]

test('a reference for trying out is one in whatever case it says so', async () => {
  const file = await good({ licence: 'Demo:licence', jurisdiction: 'ID' })
  assert.deepEqual((await load({ 'omo7777.json': file })).demo, ['licence'])
})

function consent(): Json {
  return { law: 'A law', jurisdiction: 'ID', words: 'Words.', source: 'A gazette' }
}

for (const [says, changes, ...paths] of wrong) {
  test(`refused with its path: ${says}`, async () => {
    const found = await problemsOf({ 'omo7777.json': await good(changes) })
    assert.deepEqual(
      found.map(one => one.split(': ')[1]),
      paths,
      found.join('\n'),
    )
  })
}

test('refused: names that a reader may take for more than names, each by its path, wherever it stands', async () => {
  const text = JSON.stringify(await good())
  const basis = '{"law":"x","jurisdiction":"ID","words":"x","source":"x"}'
  for (const name of ['__proto__', 'constructor', 'prototype']) {
    for (const [path, before] of [
      ['bases.', '"bases":{'],
      ['residency.regions.', '"regions":{'],
      ['retention.id.', '"retention":{"id":{'],
      ['', '{'],
    ] as const) {
      const problems = await problemsOf({ 'omo7777.json': text.replace(before, `${before}"${name}":${basis},`) })
      assert.ok(problems.includes(`omo7777.json: ${path}${name}: is no name for a member`), problems.join())
    }
  }
  const clocks = JSON.stringify(clocksOf(await good(), 1)).replace('"retention":{', '"retention":{"__proto__":{},')
  const found = await problemsOf({ 'omo7777.json': await good({ version: 2 }), 'omo7777/1.json': clocks })
  assert.deepEqual(found, ['omo7777/1.json: retention.__proto__: is no name for a member'])
})

test('refused: one member named twice, whatever a reader would make of it', async () => {
  const text = JSON.stringify(await good()).replace('"version":1', '"version":1,"version":1')
  assert.deepEqual(await problemsOf({ 'omo7777.json': text }), ['omo7777.json: is not JSON: names one key twice'])
})

test('the schedule of a run may have any form that comes due in time', async () => {
  for (const schedule of ['*/5 * * * *', '0 2 * * MON', '0 2 */7 * *', '0 2 1,9,17,25 * *']) {
    const file = await good({ 'purge.schedule': schedule })
    assert.equal((await load({ 'omo7777.json': file })).purge.schedule, schedule)
  }
})

test('the clocks of earlier versions are loaded with the tenant', async () => {
  const file = await good({ version: 3 })
  const tenant = await load({
    'omo7777.json': file,
    'omo7777/1.json': clocksOf(file, 1, { 'retention.id.years': 10 }),
    'omo7777/2.json': clocksOf(file, 2, { zone: 'Asia/Makassar' }),
  })
  assert.deepEqual([...tenant.policies.keys()], [1, 2, 3])
  assert.equal(tenant.policies.get(1)?.rules.get('id')?.years, 10)
  assert.equal(tenant.policies.get(2)?.zone, 'Asia/Makassar')
  assert.equal(tenant.policies.get(3)?.zone, 'Asia/Jakarta')
})

test('a paper that is no longer taken keeps its rule, and one that is forgotten is named', async () => {
  const today = await good({ version: 2, 'papers.selfie': undefined, 'refused.selfie': 'No more.' })
  const first = clocksOf(today, 1)
  const tenant = await load({ 'omo7777.json': today, 'omo7777/1.json': first })
  assert.equal(tenant.policies.get(2)?.rules.get('selfie')?.onDeletion, 'shred')
  const forgot = changed(today, { 'retention.selfie': undefined })
  assert.deepEqual(await problemsOf({ 'omo7777.json': forgot, 'omo7777/1.json': first }), [
    'omo7777.json: retention.selfie: is missing, and an earlier version had it',
  ])
})

test('every problem of the versions of a tenant is named by file and path', async () => {
  const file = await good({ version: 4 })
  const first = clocksOf(file, 1)
  const gaps = { 'omo7777.json': file, 'omo7777/1.json': first }
  assert.deepEqual(
    await problemsOf({ ...gaps, 'omo7777/3.json': clocksOf(file, 3, { 'retention.address': undefined }) }),
    [
      'omo7777.json: version: lacks the clocks of version 2',
      'omo7777.json: retention.address (version 3): is missing, and an earlier version had it',
    ],
  )
  const found = await problemsOf({
    ...gaps,
    'omo7777/2.json': clocksOf(file, 2, { holds: [] }),
    'omo7777/4.json': clocksOf(file, 4, { 'deletion.answerDays': 10, 'deletion.shredAfterDays': 10 }),
    'omo7777/5.json': first,
    'omo7777/notes.txt': 'x',
    'gone/1.json': first,
  })
  for (const expected of [
    'gone: holds versions of a tenant that has no file',
    'omo7777/2.json: top level: ',
    'omo7777/4.json: deletion.shredAfterDays: ',
    'omo7777/5.json: version: must be the name of the file',
    'omo7777/notes.txt: is not named <version>.json',
  ]) {
    assert.ok(
      found.some(one => one.startsWith(expected)),
      `${expected} is missing in\n${found.join('\n')}`,
    )
  }
})

test('the clocks of today or later are no earlier version', async () => {
  const file = await good()
  assert.deepEqual(await problemsOf({ 'omo7777.json': file, 'omo7777/1.json': clocksOf(file, 1) }), [
    'omo7777.json: version: is not later than the clocks of version 1',
  ])
})

test('a tenant without basis, jurisdiction or licence loads, and says what it lacks', async () => {
  assert.ok(isActive(await load({ 'omo7777.json': await good() })))
  for (const path of ['jurisdiction', 'licence', 'bases.consent', 'bases.identity-records']) {
    const tenant = await load({ 'omo7777.json': await good({ [path]: undefined }) })
    assert.deepEqual(tenant.lacking, [path])
    assert.equal(isActive(tenant), false)
  }
})

test('a basis that only an earlier version names is asked for as well', async () => {
  const file = await good({ version: 2 })
  const first = clocksOf(file, 1, { 'retention.id.basis': 'old-law' })
  const { lacking } = await load({ 'omo7777.json': file, 'omo7777/1.json': first })
  assert.deepEqual(lacking, ['bases.old-law'])
})

test('the tenants that ship are active on references that nobody has confirmed, each named', async () => {
  for (const tenant of (await loadTenants(shipped)).values()) {
    assert.deepEqual(tenant.lacking, [])
    assert.deepEqual(tenant.demo.slice(0, 2), ['jurisdiction', 'licence'])
  }
})

test('a confirmed reference is named no more', async () => {
  const tenant = await load({ 'omo7777.json': await good({ jurisdiction: 'ID', licence: 'OJK KEP-1/2026' }) })
  assert.deepEqual(tenant.demo, [])
})

test("no tenant that ships keeps an identity paper for less than the law's floor, and each names its basis in words", async () => {
  for (const { policies, bases, papers } of (await loadTenants(shipped)).values()) {
    for (const { rules } of policies.values()) {
      for (const type of paperTypes) {
        const rule = rules.get(type)
        if (!rule) {
          assert.ok(!papers.has(type))
          continue
        }
        assert.equal(rule.years, 7)
        assert.ok(rule.floorYears >= statutoryFloorYears[type])
        assert.match(bases.get(rule.basis)?.words ?? '', /seven/)
      }
    }
  }
})

test('regions, TLS, holds, days of an answer and the second look are those that each platform promised', async () => {
  const indonesia = 'ap-southeast-3'
  const promised = [...(await loadTenants(shipped)).values()].map(tenant => {
    const { regions, minPlaces } = tenant.residency
    const abroad = [...regions].filter(([region]) => region !== indonesia)
    return {
      id: String(tenant.id),
      inIndonesia: regions.has(indonesia),
      abroad: abroad.length,
      withSafeguard: abroad.filter(([, safeguard]) => safeguard !== undefined).length,
      minPlaces,
      tls: tenant.tlsAtLeast,
      holds: tenant.holds,
      answerDays: tenant.policies.get(tenant.version)?.deletion.answerDays,
      secondLook: tenant.purge.approval,
    }
  })
  const one = { minPlaces: 1, holds: ['legal_order'], secondLook: false, inIndonesia: true }
  assert.deepEqual(promised, [
    {
      id: 'jnetot',
      inIndonesia: false,
      abroad: 2,
      withSafeguard: 2,
      minPlaces: 2,
      tls: '1.2',
      holds: ['dispute', 'withdrawal', 'legal_order'],
      answerDays: 30,
      secondLook: true,
    },
    { ...one, id: 'nomor-keluar', abroad: 1, withSafeguard: 1, tls: '1.2', answerDays: 14 },
    { ...one, id: 'omo7777', abroad: 0, withSafeguard: 0, tls: '1.3', answerDays: 30 },
  ])
})
