import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { limits } from '../../src/domain/media.ts'
import { openVault, type TestVault } from '../support/open-vault.ts'
import { codeOf, rawAnswer, rawAnswers } from '../support/raw-http.ts'

let opened: TestVault
let url: string

before(async () => {
  opened = await openVault({ timeouts: { lingerMs: 100 } })
  url = opened.door.url
})
after(async () => opened[Symbol.asyncDispose]())

const request = (...lines: readonly string[]): string => `${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`
const host = 'Host: vault'

test('a plain request is answered: what follows is refused for what it is', async () => {
  const answer = await rawAnswer(url, request('GET /livez HTTP/1.1', host))
  assert.equal(answer.status, 200)
})

const malformed: readonly [string, () => string][] = [
  ['two Host lines', () => request('GET /livez HTTP/1.1', host, host)],
  ['two Host lines that differ', () => request('GET /livez HTTP/1.1', host, 'host: other')],
  ['no Host line', () => request('GET /livez HTTP/1.1')],
  ['an absolute URI', () => request('GET http://vault/livez HTTP/1.1', host)],
  ['an absolute URI of elsewhere', () => request('GET http://169.254.169.254/ HTTP/1.1', host)],
  ['an asterisk as target', () => request('OPTIONS * HTTP/1.1', host)],
  [
    'Content-Length beside Transfer-Encoding',
    () => request('POST /livez HTTP/1.1', host, 'Content-Length: 3', 'Transfer-Encoding: chunked'),
  ],
  ['two lengths that differ', () => request('POST /livez HTTP/1.1', host, 'Content-Length: 3', 'Content-Length: 4')],
  ['a list of lengths', () => request('POST /livez HTTP/1.1', host, 'Content-Length: 3, 3')],
  ['a signed length', () => request('POST /livez HTTP/1.1', host, 'Content-Length: +3')],
  [
    'chunked twice',
    () => request('POST /livez HTTP/1.1', host, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'),
  ],
  ['an unknown coding last', () => request('POST /livez HTTP/1.1', host, 'Transfer-Encoding: chunked, identity')],
  ['a blank before the colon', () => request('GET /livez HTTP/1.1', host, 'X-A : 1')],
  ['a folded header', () => request('GET /livez HTTP/1.1', host, 'X-A: 1', '  2')],
  ['a bare CR in a header', () => request('GET /livez HTTP/1.1', host, 'X-A: 1\r2')],
  ['NUL in a header', () => request('GET /livez HTTP/1.1', host, 'X-A: 1\0')],
  [
    'two credentials',
    () => request('GET /v1/limits HTTP/1.1', host, 'Authorization: Bearer a', 'Authorization: Bearer b'),
  ],
  ['two purposes', () => request('GET /v1/limits HTTP/1.1', host, 'Vault-Purpose: kyc', 'Vault-Purpose: legal')],
  ['a version that does not exist', () => request('GET /livez HTTP/3.7', host)],
  ['a method that does not exist', () => request('FROB /livez HTTP/1.1', host)],
  ['no HTTP at all', () => '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n'],
  ['a path that does not decode', () => request('GET /v1/documents/%zz HTTP/1.1', host)],
  ['a body where none belongs', () => `${request('GET /livez HTTP/1.1', host, 'Content-Length: 3')}abc`],
]
for (const [what, make] of malformed) {
  test(`${what}: 400 request.malformed, and the connection ends`, async () => {
    const answers = await rawAnswers(url, [make()])
    assert.equal(answers.length, 1, JSON.stringify(answers))
    const [answer] = answers
    assert.deepEqual([answer?.status, codeOf(answer ?? { status: 0, head: '', body: '' })], [400, 'request.malformed'])
    assert.match(answer?.head ?? '', /^content-type: application\/problem\+json$/im)
    assert.match(answer?.head ?? '', /^vault-request-id: [0-9a-f-]{36}$/im)
    assert.match(answer?.head ?? '', /^cache-control: no-store$/im)
  })
}

test('header lines beyond the limit are refused and none is dropped in silence', async () => {
  const lines = Array.from({ length: limits.request.maxHeaders }, (_, at) => `X-${at}: 1`)
  const answer = await rawAnswer(url, request('GET /livez HTTP/1.1', host, ...lines))
  assert.deepEqual([answer.status, codeOf(answer)], [431, 'request.headers-too-large'])
  const fewer = await rawAnswer(url, request('GET /livez HTTP/1.1', host, ...lines.slice(2)))
  assert.equal(fewer.status, 200)
})

test('headers of too many bytes are refused', async () => {
  const answer = await rawAnswer(
    url,
    request('GET /livez HTTP/1.1', host, `X-A: ${'a'.repeat(limits.request.maxHeaderBytes)}`),
  )
  assert.deepEqual([answer.status, codeOf(answer)], [431, 'request.headers-too-large'])
})

test('a request smuggled behind a body that lies about its length is never answered as one', async () => {
  const smuggled = 'GET /openapi.json HTTP/1.1\r\nHost: vault\r\n\r\n'
  for (const lie of [
    `POST /v1/documents/x/reviews HTTP/1.1\r\nHost: vault\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    `POST /livez HTTP/1.1\r\nHost: vault\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${smuggled}`,
    `POST /livez HTTP/1.1\r\nHost: vault\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    `POST /livez HTTP/1.1\r\nHost: vault\r\nContent-Length: 0x4\r\n\r\n${smuggled}`,
  ]) {
    const answers = await rawAnswers(url, [lie])
    assert.deepEqual(
      answers.map(({ status }) => status),
      [400],
      lie,
    )
  }
})

test('a half-closed connection with half a body is told that its body is truncated', async () => {
  const { connect } = await import('node:net')
  const { port } = opened.door
  const text = await new Promise<string>(resolve => {
    let received = ''
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('data', chunk => {
      received += chunk.toString('latin1')
    })
    socket.on('close', () => resolve(received))
    const key = opened.key('nomor-keluar', 'onboarding')
    const head = ['POST /v1/subjects/u/events HTTP/1.1', host, `Authorization: Bearer ${key}`, 'Idempotency-Key: t']
    socket.end(`${[...head, 'Content-Type: application/json', 'Content-Length: 50'].join('\r\n')}\r\n\r\n{"type":`)
  })
  assert.match(text, /^HTTP\/1.1 400 /)
  assert.match(text, /"code":"body.truncated"/)
})
