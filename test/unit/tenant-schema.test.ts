import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { publishedSchema } from '../../src/adapters/file-tenant-schema.ts'

const folder = join(import.meta.dirname, '../../infra/tenants')
const published = join(folder, 'policy.schema.json')
const shipped = ['jnetot', 'nomor-keluar', 'omo7777']

const read = (name: string): Record<string, unknown> => JSON.parse(readFileSync(join(folder, name), 'utf8'))

function validator() {
  return new Ajv2020({ allErrors: true }).compile(read('policy.schema.json'))
}

test('the published schema of a policy is the form that the vault asks for today', () => {
  const schema = publishedSchema()
  if (process.env.UPDATE_TABLES === '1') writeFileSync(published, `${JSON.stringify(schema, undefined, 2)}\n`)
  const found = read('policy.schema.json')
  assert.deepEqual(found, schema, 'review the difference, then write it with UPDATE_TABLES=1, and format it')
})

test('every policy that ships is of the published form, and names it for editors', () => {
  const isPolicy = validator()
  for (const id of shipped) {
    const policy = read(`${id}.json`)
    assert.ok(isPolicy(policy), JSON.stringify(isPolicy.errors))
    const { $schema } = policy
    assert.equal($schema, './policy.schema.json')
  }
})

test('what is of another form is so for readers of the published schema too', () => {
  const isPolicy = validator()
  const good = read('omo7777.json')
  const { retention: _, ...without } = good
  for (const bad of [
    without,
    { ...good, more: 1 },
    { ...good, version: 0 },
    { ...good, retention: { id: { years: 7, floorYears: 5, basis: 'identity-records', onDeletion: 'never' } } },
    { ...good, retention: { passport: {} } },
    { ...good, tls: { atLeast: '1.1' } },
  ]) {
    assert.equal(isPolicy(bad), false)
  }
})

test('every member of the published form is explained', () => {
  const { properties } = read('policy.schema.json')
  for (const [name, member] of Object.entries(properties as Record<string, object>)) {
    const isGroup = ['support', 'purge', 'residency', 'tls', 'sources'].includes(name)
    const explained = isGroup ? Object.values((member as { properties: object }).properties) : [member]
    for (const one of explained) assert.ok('description' in one, `${name} is not explained`)
  }
})
