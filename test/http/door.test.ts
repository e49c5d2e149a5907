import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { errorCodes, VaultError } from '../../src/domain/errors.ts'
import type { Route } from '../../src/http/route.ts'
import { requireJudged, routes } from '../../src/http/routes.ts'
import { call, paper } from '../support/call.ts'
import { openVault } from '../support/open-vault.ts'
import { drawLargeAddressProof, drawPhotograph } from '../support/papers.ts'
import { codeOf, closed as connectionClosed, parseAnswers, rawAnswer, rawConnection } from '../support/raw-http.ts'
import { recorded } from '../support/recorded.ts'

test('every route of the table is judged or public for a reason', () => {
  assert.doesNotThrow(() => requireJudged(routes))
})

test('a route without an action, with an action that has no row, with both or twice stops the start', () => {
  const [known] = routes
  assert.ok(known)
  const { action: _, ...naked } = known as { action?: string } & Route
  const wrong: readonly [object, RegExp][] = [
    [naked, /has no action/],
    [{ ...naked, action: 'document.photocopy' }, /no row/],
    [{ ...naked, action: 'toString' }, /no row/],
    [{ ...naked, public: '' }, /has no action/],
    [{ ...known, public: 'because' }, /both/],
  ]
  for (const [route, message] of wrong) assert.throws(() => requireJudged([route as Route]), message)
  assert.throws(() => requireJudged([known, known]), /twice/)
})

test('every code has a page, which is the type of its problem', async () => {
  await using opened = await openVault()
  const { url } = opened.door
  const { items } = (await call(url, 'GET', '/problems')).json
  assert.deepEqual(
    items.map((item: { code: string }) => item.code),
    errorCodes,
  )
  const { type } = (await call(url, 'GET', '/nothing')).json
  assert.deepEqual((await call(url, 'GET', type)).json.code, 'request.not-found')
  assert.equal((await call(url, 'GET', '/problems/none')).status, 404)
})

test('readiness names the part that fails, and nothing else', async () => {
  await using opened = await openVault({
    wrapPorts: ports => {
      const keyring = Object.create(ports.keyring)
      keyring.mac = ports.keyring.mac.bind(ports.keyring)
      keyring.ready = () => Promise.reject(new VaultError('keys.unavailable', { detail: 'secret place' }))
      return { ...ports, keyring }
    },
  })
  const answer = await call(opened.door.url, 'GET', '/readyz')
  assert.deepEqual([answer.status, answer.json], [503, { ready: false, failing: ['keyring'] }])
})

test('metrics are on a listener of their own and count by route, never by path', async () => {
  await using opened = await openVault({ metricsPort: 0 })
  const { url, metricsUrl = '' } = opened.door
  await call(url, 'GET', '/v1/subjects/secret-1', { key: opened.key('omo7777', 'auditor') })
  const text = await (await fetch(metricsUrl)).text()
  assert.match(text, /^vault_requests_total\{method="GET",route="\/v1\/subjects\/\{subject\}",status="404"\} 1$/m)
  for (const name of [
    'process_resident_memory_bytes',
    'process_open_fds',
    'vault_upload_bytes_in_flight',
    'vault_open_connections',
  ]) {
    assert.match(text, new RegExp(`^${name} \\d`, 'm'), name)
  }
  assert.ok(!text.includes('secret-1'))
  assert.equal((await fetch(`${url}/metrics`)).status, 404)
  assert.equal((await fetch(metricsUrl.replace('/metrics', '/v1/limits'))).status, 404)
  assert.match(metricsUrl, /^http:\/\/127\.0\.0\.1:/)
})

test('connections beyond the most allowed are dropped, and others go on', async () => {
  await using opened = await openVault({ maxConnections: 2 })
  const { url } = opened.door
  const held = [await rawConnection(url), await rawConnection(url)]
  const { socket } = await rawConnection(url)
  await connectionClosed(socket)
  held[0]?.socket.destroy()
  held[1]?.socket.write('GET /livez HTTP/1.1\r\nHost: v\r\nConnection: close\r\n\r\n')
  if (held[1]) await once(held[1].socket, 'close')
  assert.equal(parseAnswers(held[1]?.received() ?? '')[0]?.status, 200)
})

test('a stop lets the read under way end whole, closes what is idle, and takes nothing new', async () => {
  await using opened = await openVault()
  const { url } = opened.door
  const stored = await call(url, 'POST', '/v1/subjects/s/documents', {
    key: opened.key('nomor-keluar', 'onboarding'),
    headers: { 'Idempotency-Key': 's' },
    body: paper({ type: 'id', kind: 'passport' }, await drawPhotograph(12)),
  })
  assert.equal(stored.status, 201, JSON.stringify(stored.json))
  const idle = await rawConnection(url)
  const idleClosed = connectionClosed(idle.socket)
  const reader = await rawConnection(url)
  const head = [
    `GET /v1/documents/${stored.json.id}/content HTTP/1.1`,
    'Host: v',
    `Authorization: Bearer ${opened.key('nomor-keluar', 'senior-reviewer')}`,
    'Vault-Purpose: kyc',
    'Vault-Case: c',
  ]
  reader.socket.write(`${head.join('\r\n')}\r\n\r\n`)
  await once(reader.socket, 'data')
  reader.socket.pause()
  const closed = connectionClosed(reader.socket)
  const stopped = opened.door.stop()
  reader.socket.resume()
  await Promise.all([stopped, closed, idleClosed])
  const [answer] = parseAnswers(reader.received())
  assert.deepEqual([answer?.status, answer?.body.length], [200, stored.json.sizeBytes])
  await assert.rejects(fetch(`${url}/livez`))
  const last = (await recorded(opened.vault, 'nomor-keluar')).at(-1)
  assert.deepEqual([last?.act, last?.out], ['document.open.original', 'done'])
})

test('a request that is under way at a stop is given its time, and then cut without an answer', async () => {
  await using opened = await openVault({ timeouts: { stopMs: 300 } })
  const { url } = opened.door
  const waiting = await rawConnection(url)
  const closed = connectionClosed(waiting.socket)
  const key = opened.key('nomor-keluar', 'onboarding')
  waiting.socket.write(eventHead(key, 50))
  // The door asks for the body only once it knows who asks and what for.
  await once(waiting.socket, 'data')
  waiting.socket.write('{"type"')
  await Promise.all([opened.door.stop(), closed])
  assert.equal(waiting.received(), 'HTTP/1.1 100 Continue\r\n\r\n')
})

test('a request that ends in time after a stop has begun is done', async () => {
  await using opened = await openVault()
  const { socket, received } = await rawConnection(opened.door.url)
  const closed = connectionClosed(socket)
  const body = '{"type":"opened","at":"2026-01-01T00:00:00Z"}'
  socket.write(eventHead(opened.key('nomor-keluar', 'onboarding'), body.length))
  await once(socket, 'data')
  const stopped = opened.door.stop()
  socket.write(body)
  await Promise.all([stopped, closed])
  assert.deepEqual(
    parseAnswers(received()).map(({ status }) => status),
    [202],
  )
})

test('a request that comes after a stop has begun is answered 503, and its connection is closed', async () => {
  await using opened = await openVault()
  const { socket, received } = await rawConnection(opened.door.url)
  const closed = connectionClosed(socket)
  const key = opened.key('nomor-keluar', 'onboarding')
  // Half of it came with the request before, so the connection is not idle when the stop begins.
  socket.write('GET /livez HTTP/1.1\r\nHost: v\r\n\r\nGET /v1/limits HTTP/1.1\r\nHost: v\r\n')
  await once(socket, 'data')
  const stopped = opened.door.stop()
  socket.write(`Authorization: Bearer ${key}\r\n\r\n`)
  await Promise.all([stopped, closed])
  const [alive, late] = parseAnswers(received())
  assert.equal(alive?.status, 200)
  assert.ok(late)
  assert.deepEqual([late.status, codeOf(late)], [503, 'vault.stopping'])
  assert.match(late.head, /^retry-after: \d+$/im)
  assert.match(late.head, /^connection: close$/im)
})

test('a read whose reader takes nothing is cut at a stop, and the look is on record as broken', async () => {
  await using opened = await openVault({ timeouts: { stopMs: 300 } })
  const { url } = opened.door
  const stored = await call(url, 'POST', '/v1/subjects/s/documents', {
    key: opened.key('jnetot', 'onboarding'),
    headers: { 'Idempotency-Key': 's' },
    body: paper({ type: 'address', kind: 'utility-bill' }, drawLargeAddressProof(19 * 1024 * 1024)),
  })
  assert.equal(stored.status, 201, JSON.stringify(stored.json))
  const { socket, received } = await rawConnection(url)
  const closed = connectionClosed(socket)
  const head = [
    `GET /v1/documents/${stored.json.id}/content HTTP/1.1`,
    'Host: v',
    `Authorization: Bearer ${opened.key('jnetot', 'senior-reviewer')}`,
    'Vault-Purpose: kyc',
    'Vault-Case: c',
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  await once(socket, 'data')
  socket.pause()
  await opened.door.stop()
  socket.resume()
  await closed
  assert.ok(received().length < stored.json.sizeBytes)
  const last = (await recorded(opened.vault, 'jnetot')).at(-1)
  assert.deepEqual([last?.act, last?.out], ['document.open.original', 'broken'])
})

test('a client that waits for 100 Continue is refused without sending its body, or asked for it', async () => {
  await using opened = await openVault({ timeouts: { lingerMs: 100 } })
  const { url } = opened.door
  const key = opened.key('omo7777', 'onboarding')
  const lines = (credential: string, length: number) =>
    [
      'POST /v1/subjects/u/events HTTP/1.1',
      'Host: v',
      `Authorization: Bearer ${credential}`,
      'Idempotency-Key: x',
      'Content-Type: application/json',
      'Expect: 100-continue',
      `Content-Length: ${length}`,
      'Connection: close',
      '',
      '',
    ].join('\r\n')
  assert.equal((await rawAnswer(url, lines('nobody', 99))).status, 401)
  assert.equal((await rawAnswer(url, lines(key, 99_999))).status, 413)
  const { socket, received } = await rawConnection(url)
  const body = '{"type":"opened","at":"2026-01-01T00:00:00Z"}'
  socket.write(lines(key, body.length))
  await once(socket, 'data')
  assert.match(received(), /^HTTP\/1\.1 100 Continue/)
  socket.write(body)
  await connectionClosed(socket)
  assert.equal(parseAnswers(received())[0]?.status, 202)
})

function eventHead(key: string, length: number): string {
  const lines = [
    'POST /v1/subjects/u/events HTTP/1.1',
    'Host: v',
    `Authorization: Bearer ${key}`,
    'Idempotency-Key: t',
    'Content-Type: application/json',
    `Content-Length: ${length}`,
    'Expect: 100-continue',
  ]
  return `${lines.join('\r\n')}\r\n\r\n`
}
