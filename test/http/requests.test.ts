import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type CallAnswer, type CallOptions, call } from '../support/call.ts'
import { openVault, type TestVault } from '../support/open-vault.ts'
import { recorded } from '../support/recorded.ts'

let opened: TestVault
let url: string

before(async () => {
  opened = await openVault()
  url = opened.door.url
})
after(async () => opened[Symbol.asyncDispose]())

type TestRole = Parameters<TestVault['key']>[1]
const keyOf = (role: TestRole): string => opened.key('omo7777', role)

const event = (json: unknown, more: Partial<CallOptions> = {}): Promise<CallAnswer> =>
  call(url, 'POST', '/v1/subjects/s-1/events', {
    key: keyOf('onboarding'),
    headers: { 'Idempotency-Key': `e-${Math.random()}`, ...more.headers },
    ...(more.body === undefined ? { json } : { body: more.body }),
  })

const at = '2026-01-01T00:00:00Z'

/** The documented refusal, the last on record under the action of its route. */
async function refused(asked: Promise<CallAnswer>, status: number, code: string, act: string): Promise<CallAnswer> {
  const answer = await asked
  const { json, status: given } = answer
  assert.deepEqual([given, json.code], [status, code], JSON.stringify(json))
  const last = (await recorded(opened.vault, 'omo7777')).at(-1)
  assert.deepEqual([last?.act, last?.why, last?.req], [act, code, json.requestId])
  return answer
}

test('an event is taken, and a repeated one is answered as before', async () => {
  const headers = { 'Idempotency-Key': 'tier-2' }
  const first = await event({ type: 'tier', at, tier: 2 }, { headers })
  const again = await event({ type: 'tier', at, tier: 2 }, { headers })
  assert.deepEqual([first.status, first.json.tier], [202, 2])
  assert.equal(again.headers.get('idempotent-replayed'), 'true')
  assert.deepEqual(again.json, first.json)
  await refused(event({ type: 'tier', at, tier: 3 }, { headers }), 422, 'idempotency.conflict', 'subject.event')
})

const bodies: readonly [string, unknown, number, string][] = [
  ['no JSON', 'tier', 400, 'body.malformed'],
  ['an empty body', '', 400, 'body.malformed'],
  ['two values', '{}{}', 400, 'body.malformed'],
  ['a key twice', `{"type":"opened","at":"${at}","at":"${at}"}`, 400, 'body.duplicate-key'],
  ['nested too deeply', `${'['.repeat(30)}${']'.repeat(30)}`, 400, 'body.malformed'],
  ['an array', '[]', 400, 'field.invalid'],
  ['null', 'null', 400, 'field.invalid'],
  ['a missing field', { type: 'tier', at }, 400, 'field.invalid'],
  ['a wrong type', { type: 'tier', at, tier: '2' }, 400, 'field.invalid'],
  ['out of its range', { type: 'tier', at, tier: 10 }, 400, 'field.invalid'],
  ['no date', { type: 'opened', at: 'yesterday' }, 400, 'field.invalid'],
  ['an unknown field', { type: 'opened', at, tenant: 'jnetot' }, 400, 'field.unknown'],
  ['__proto__', `{"type":"opened","at":"${at}","__proto__":{"tier":9}}`, 400, 'field.unknown'],
  ['an unknown event', { type: 'moved', at }, 400, 'field.invalid'],
  ['an event that is not offered', { type: 'dispute.opened', at, ref: 'D-1' }, 422, 'event.not-offered'],
  ['a case without a reference', { type: 'dispute.opened', at }, 400, 'field.invalid'],
  ['a reference of free text', { type: 'dispute.opened', at, ref: 'Mr Smith' }, 400, 'field.invalid'],
  ['an event of the future', { type: 'opened', at: '2999-01-01T00:00:00Z' }, 409, 'event.contradictory'],
  ['a body above 64 KiB', `"${'x'.repeat(65_536)}"`, 413, 'body.too-large'],
]
for (const [what, body, status, code] of bodies) {
  test(`${what}: ${status} ${code}, on record`, async () => {
    await refused(event(body), status, code, 'subject.event')
  })
}

test('an unknown field is named by its path where its name could be one, and what it holds is not', async () => {
  const secret = 'not-to-be-told'
  const named = async (body: unknown) => {
    const { json } = await refused(event(body), 400, 'field.unknown', 'subject.event')
    assert.ok(!JSON.stringify(json).includes(secret))
    return json.errors.map(({ field }: { field: string }) => field)
  }
  assert.deepEqual(await named({ type: 'opened', at, tenant: secret }), ['tenant'])
  assert.deepEqual(await named(`{"type":"opened","at":"${at}","__proto__":{"tier":"${secret}"}}`), ['__proto__'])
  assert.deepEqual(await named({ type: 'opened', at, a: secret, b: secret }), ['a', 'b'])
  const odd = { ['x'.repeat(33)]: 1, Budi: 1, 'budi\r\nx': 1, '3174010101900001': 1, 'budi@example.id': 1, '': 1 }
  assert.deepEqual(await named({ type: 'opened', at, ...odd }), ['?', '?', '?', '?', '?', '?'])
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`k${n}`, secret]))
  assert.equal((await named({ type: 'opened', at, ...many })).length, 10)
  const wrong = await refused(event({ type: 'tier', tier: secret, more: 1 }), 400, 'field.unknown', 'subject.event')
  assert.deepEqual(wrong.json.errors.map(({ field }: { field: string }) => field).toSorted(), ['at', 'more', 'tier'])
  const query = await call(url, 'GET', `/v1/reviews?shoe=${secret}`, { key: keyOf('reviewer') })
  assert.deepEqual([query.json.errors[0].field, query.json.errors.length], ['shoe', 1])
  const none = await call(url, 'GET', `/v1/limits?x=${secret}`, { key: keyOf('reviewer') })
  assert.deepEqual(none.json.errors, [{ field: 'x', message: 'This route takes no parameters.' }])
})

test('a JSON body must be called exactly that', async () => {
  for (const type of ['text/plain', 'application/jsonp', 'application/json; charset=latin1', 'text/json']) {
    await refused(event({}, { headers: { 'Content-Type': type } }), 415, 'body.media-type', 'subject.event')
  }
  await refused(event({}, { headers: { 'Content-Encoding': 'gzip' } }), 415, 'body.media-type', 'subject.event')
  const named = { 'Content-Type': 'application/json; charset=utf-8' }
  assert.equal((await event({ type: 'opened', at }, { headers: named })).status, 202)
})

test('bytes that are no UTF-8 are refused', async () => {
  const body = new Uint8Array([0x22, 0xc3, 0x28, 0x22])
  const headers = { 'Content-Type': 'application/json' }
  await refused(event(undefined, { body, headers }), 400, 'body.malformed', 'subject.event')
})

test('a creating request needs an idempotency key', async () => {
  await refused(
    event({ type: 'opened', at }, { headers: { 'Idempotency-Key': '' } }),
    400,
    'idempotency.missing',
    'subject.event',
  )
})

test('no answer and no log line repeats what a client sent', async () => {
  const canary = 'SitiRahayu1990'
  for (const sent of [
    { [canary]: 1, type: 'opened', at },
    { type: canary, at },
    { type: 'opened', at: canary },
  ]) {
    const answer = await event(sent)
    assert.equal(answer.status, 400)
    assert.ok(!JSON.stringify(answer.json).includes(canary), JSON.stringify(answer.json))
  }
  await call(url, 'GET', `/v1/subjects/${canary}`, { key: keyOf('auditor') })
  assert.ok(!JSON.stringify(opened.lines).includes(canary))
  assert.ok(!JSON.stringify(await recorded(opened.vault, 'omo7777')).includes(canary))
})

test('query parameters are known, stand once and fit, or are refused', async () => {
  const list = (query: string) => call(url, 'GET', `/v1/reviews?${query}`, { key: keyOf('reviewer') })
  assert.equal((await list('state=pending&limit=1')).status, 200)
  for (const [query, code] of [
    ['limit=0', 'field.invalid'],
    ['limit=101', 'field.invalid'],
    ['limit=1e1', 'field.invalid'],
    ['limit=1&limit=2', 'field.invalid'],
    ['state=lost', 'field.invalid'],
    ['tenant=jnetot', 'field.unknown'],
    ['limit[gt]=1', 'field.unknown'],
    ['__proto__=1', 'field.unknown'],
  ] as const) {
    await refused(list(query), 400, code, 'review.list')
  }
  await refused(call(url, 'GET', '/v1/limits?x=1', { key: keyOf('reviewer') }), 400, 'field.unknown', 'limits.read')
})

test('a path that names no thing of its kind is refused', async () => {
  await refused(
    call(url, 'GET', '/v1/documents/1', { key: keyOf('auditor') }),
    400,
    'field.invalid',
    'document.describe',
  )
  const id = '01a20196-0000-7000-8000-000000000000'
  const upper = `/v1/documents/${id.toUpperCase()}`
  await refused(call(url, 'GET', upper, { key: keyOf('auditor') }), 400, 'field.invalid', 'document.describe')
  await refused(
    call(url, 'GET', `/v1/documents/${id}`, { key: keyOf('auditor') }),
    404,
    'document.unknown',
    'document.describe',
  )
})

test('a cursor goes on where the page ended, and serves no other list, filter, tenant or spelling', async () => {
  const page = (query: string, tenant: 'omo7777' | 'jnetot' = 'omo7777') =>
    call(url, 'GET', `/v1/callers?${query}`, { key: opened.key(tenant, 'auditor') })
  const first = await page('limit=2')
  const { next } = first.json
  const rest = await page(`limit=100&cursor=${next}`)
  const ids = [...first.json.items, ...rest.json.items].map((item: { keyId: string }) => item.keyId)
  assert.deepEqual(ids, [...new Set(ids)].sort())
  assert.equal(ids.length, opened.vault.tenants.get('omo7777' as never)?.roles.length)
  assert.equal(rest.json.next, undefined)
  await refused(page(`cursor=${next}x`), 400, 'cursor.invalid', 'caller.read')
  await refused(page(`cursor=${next}=`), 400, 'cursor.invalid', 'caller.read')
  await refused(page('cursor=AAAA'), 400, 'cursor.invalid', 'caller.read')
  const entries = (query: string) => call(url, 'GET', `/v1/trail/entries?${query}`, { key: keyOf('auditor') })
  await refused(entries(`cursor=${next}`), 400, 'cursor.invalid', 'trail.read')
  const denied = await entries('limit=1&out=deny')
  await refused(entries(`limit=1&out=allow&cursor=${denied.json.next}`), 400, 'cursor.invalid', 'trail.read')
  assert.equal((await entries(`limit=1&out=deny&cursor=${denied.json.next}`)).status, 200)
  assert.equal((await page(`cursor=${next}`, 'jnetot')).json.code, 'cursor.invalid')
})

test('the trail is read by filter, newest first, and the reading itself is in it', async () => {
  const read = (query: string) => call(url, 'GET', `/v1/trail/entries?${query}`, { key: keyOf('auditor') })
  const { json } = await read('act=subject.event&out=deny&limit=5')
  assert.equal(json.items.length, 5)
  for (const { entry } of json.items) assert.deepEqual([entry.act, entry.out], ['subject.event', 'deny'])
  const indexes = json.items.map((item: { index: number }) => item.index)
  assert.deepEqual(
    indexes,
    indexes.toSorted((a: number, b: number) => b - a),
  )
  const [newest] = (await read('act=trail.read&limit=1')).json.items
  assert.equal(newest.entry.act, 'trail.read')
})

test('what is not there is 404, another method 405 with Allow, both on record and only for who is known', async () => {
  await refused(call(url, 'GET', '/v1/nothing', { key: keyOf('dpo') }), 404, 'request.not-found', 'request.refused')
  await refused(call(url, 'GET', '/v1/reviews/', { key: keyOf('dpo') }), 404, 'request.not-found', 'request.refused')
  const patch = call(url, 'PATCH', '/v1/reviews', { key: keyOf('dpo') })
  await refused(patch, 405, 'request.method-not-allowed', 'request.refused')
  assert.equal((await patch).headers.get('allow'), 'GET, HEAD')
  assert.equal((await call(url, 'GET', '/v1/nothing')).status, 401)
  assert.equal((await call(url, 'OPTIONS', '/v1/reviews')).status, 401)
  assert.equal((await call(url, 'GET', '/nothing')).status, 404)
  assert.equal((await call(url, 'POST', '/livez')).headers.get('allow'), 'GET, HEAD')
})

test('no answer allows another origin anything', async () => {
  const headers = { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'GET' }
  for (const method of ['GET', 'OPTIONS']) {
    const answer = await call(url, method, '/v1/limits', { key: keyOf('auditor'), headers })
    assert.deepEqual(
      [...answer.headers.keys()].filter(name => name.startsWith('access-control')),
      [],
    )
  }
})

test('the limits are published, and are the ones of the code', async () => {
  const { json } = await call(url, 'GET', '/v1/limits', { key: keyOf('support') })
  assert.equal(json.image.maxBytes, 15 * 1024 * 1024)
  assert.deepEqual(json.accepted, ['image/jpeg', 'image/png', 'image/webp', 'application/pdf'])
})

test('every log line of a request has its id, route and status, and nothing that names anybody', async () => {
  const answer = await call(url, 'GET', '/v1/subjects/log-line-1', { key: keyOf('auditor') })
  const line = opened.lines.find(({ requestId }) => requestId === answer.headers.get('vault-request-id'))
  const { durationMs, ...rest } = line ?? {}
  assert.equal(typeof durationMs, 'number')
  assert.deepEqual(rest, {
    level: 'info',
    event: 'request',
    method: 'GET',
    route: '/v1/subjects/{subject}',
    status: 404,
    requestId: answer.json.requestId,
    tenant: 'omo7777',
    code: 'subject.unknown',
  })
})
