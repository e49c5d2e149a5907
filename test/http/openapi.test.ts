import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import test from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { describe } from '../../src/http/openapi-document.ts'
import { problems } from '../../src/http/problems.ts'
import { routes } from '../../src/http/routes.ts'

const committed = new URL('openapi.generated.json', import.meta.url)

// biome-ignore lint/suspicious/noExplicitAny: the document is looked into as the JSON that it is.
const made: Promise<any> = describe(routes, '1').then(text => JSON.parse(text))

test('the document is valid OpenAPI 3.1', async () => {
  const result = await new Validator().validate(await made)
  assert.deepEqual([result.valid, result.errors], [true, undefined])
  assert.match((await made).openapi, /^3\.1\./)
})

test('the committed document is the one that the routes make (VAULT_TEST_WRITE=1 writes it anew)', async () => {
  const text = `${await describe(routes, '1')}\n`
  if (process.env.VAULT_TEST_WRITE === '1') writeFileSync(committed, text)
  assert.equal(readFileSync(committed, 'utf8'), text)
})

test('an upload is described with meta before file, and no encoding of its parts', async () => {
  const { requestBody } = (await made).paths['/v1/subjects/{subject}/documents'].post
  const { schema, encoding } = requestBody.content['multipart/form-data']
  assert.deepEqual(Object.keys(schema.properties), ['meta', 'file'])
  assert.deepEqual(schema.required, ['meta', 'file'])
  assert.equal(encoding, undefined)
})

test('every guarded operation asks for a credential, and every public one says that it asks for none', async () => {
  const { paths } = await made
  for (const route of routes) {
    const { security } = paths[route.path][route.method]
    if ('action' in route) assert.ok('key' in security[0], route.path)
    else assert.deepEqual(security, [], route.path)
  }
})

test('every refusal that a route names is described under the status of its problem', async () => {
  const { paths } = await made
  for (const route of routes) {
    const { responses } = paths[route.path][route.method]
    for (const code of route.refusals) {
      assert.match(responses[problems[code].status].description, new RegExp(`\`${code}\``), `${route.path} ${code}`)
    }
  }
})
