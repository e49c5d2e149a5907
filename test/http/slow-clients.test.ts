import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { call, paper } from '../support/call.ts'
import { openVault, type TestVault } from '../support/open-vault.ts'
import { drawIdCard, drawPhotograph } from '../support/papers.ts'
import { closed, codeOf, parseAnswers, rawAnswer, rawConnection } from '../support/raw-http.ts'
import { leftovers, recorded } from '../support/recorded.ts'

let opened: TestVault
let url: string
let key: string

before(async () => {
  opened = await openVault({
    timeouts: { headersMs: 300, stalledMs: 200, requestMs: 1_200, lingerMs: 100, stalledReaderMs: 300 },
  })
  url = opened.door.url
  key = opened.key('nomor-keluar', 'onboarding')
})
after(async () => opened[Symbol.asyncDispose]())

const uploadHead = (length: number): string =>
  [
    'POST /v1/subjects/slow/documents HTTP/1.1',
    'Host: vault',
    `Authorization: Bearer ${key}`,
    'Idempotency-Key: slow',
    'Content-Type: multipart/form-data; boundary=edge',
    `Content-Length: ${length}`,
    '',
    '',
  ].join('\r\n')

const meta = '--edge\r\nContent-Disposition: form-data; name="meta"\r\n\r\n{"type":"id","kind":"passport"}\r\n'
const fileHead = '--edge\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'

async function lastOnRecord(): Promise<readonly [string | undefined, string | undefined]> {
  const last = (await recorded(opened.vault, 'nomor-keluar')).at(-1)
  return [last?.out, last?.why]
}

test('a body that stalls before its meta is cut off with 408, and it is on record', async () => {
  const answer = await rawAnswer(url, uploadHead(5_000), '--edge\r\n')
  assert.deepEqual([answer.status, codeOf(answer)], [408, 'request.timeout'])
  assert.deepEqual(await lastOnRecord(), ['deny', 'request.timeout'])
})

test('a file that stalls is cut off with 408, the deposit has its outcome, and nothing is left', async () => {
  const answer = await rawAnswer(url, uploadHead(500_000), meta, fileHead, Buffer.alloc(10_000))
  assert.deepEqual([answer.status, codeOf(answer)], [408, 'request.timeout'])
  assert.deepEqual(await lastOnRecord(), ['error', 'request.timeout'])
  assert.deepEqual(await leftovers(opened.vault, 'nomor-keluar'), { rows: 0, keys: 0, blobs: 0 })
})

/** Writes one byte at a time for as long as the vault takes it. */
async function drip(start: string): Promise<string> {
  const { socket, received } = await rawConnection(url)
  socket.write(start)
  const dripping = setInterval(() => socket.write('x'), 20)
  await closed(socket)
  clearInterval(dripping)
  return received()
}

test('a body that drips byte by byte counts as stalled', async () => {
  const [answer] = parseAnswers(await drip(`${uploadHead(500_000)}${meta}${fileHead}`))
  assert.deepEqual([answer?.status, answer && codeOf(answer)], [408, 'request.timeout'])
})

test('a body that comes steadily but never ends is cut off when the request has had its time', async () => {
  const { socket, received } = await rawConnection(url)
  socket.write(`${uploadHead(5_000_000)}${meta}${fileHead}`)
  const piece = Buffer.alloc(2_048)
  const steady = setInterval(() => socket.write(piece), 50)
  await closed(socket)
  clearInterval(steady)
  const [answer] = parseAnswers(received())
  assert.deepEqual([answer?.status, answer && codeOf(answer)], [408, 'request.timeout'])
})

test('headers that drip are cut off', async () => {
  const [answer] = parseAnswers(await drip('GET /livez HTTP/1.1\r\nHost: vault\r\nX-Slow: '))
  assert.deepEqual([answer?.status, answer && codeOf(answer)], [408, 'request.timeout'])
})

test('a JSON body that stalls is cut off, too', async () => {
  const head = `POST /v1/subjects/u/events HTTP/1.1\r\nHost: vault\r\nAuthorization: Bearer ${key}\r\nIdempotency-Key: j\r\n`
  const answer = await rawAnswer(url, `${head}Content-Type: application/json\r\nContent-Length: 90\r\n\r\n{"type"`)
  assert.deepEqual([answer.status, codeOf(answer)], [408, 'request.timeout'])
  assert.deepEqual(await lastOnRecord(), ['deny', 'request.timeout'])
})

test('a client that goes away in the middle of its file leaves an outcome and nothing else', async () => {
  const untilOnRecord = await fromNow()
  const { socket } = await rawConnection(url)
  socket.write(uploadHead(500_000))
  socket.write(meta + fileHead)
  socket.write(Buffer.alloc(10_000))
  await untilOnRecord('allow')
  socket.destroy()
  await untilOnRecord('broken')
  assert.deepEqual(await leftovers(opened.vault, 'nomor-keluar'), { rows: 0, keys: 0, blobs: 0 })
})

test('while slow ones hang on, an honest upload is taken', async () => {
  const slow = await Promise.all(Array.from({ length: 20 }, () => rawConnection(url)))
  const allClosed = Promise.all(slow.map(({ socket }) => closed(socket)))
  for (const { socket } of slow) socket.write(`${uploadHead(500_000)}${meta}`)
  const answer = await call(url, 'POST', '/v1/subjects/honest/documents', {
    key,
    headers: { 'Idempotency-Key': 'honest' },
    body: paper({ type: 'id', kind: 'passport' }, await drawIdCard(600)),
  })
  assert.equal(answer.status, 201)
  await allClosed
})

test('a reader that takes nothing is cut off, and the look is on record as broken', async () => {
  const stored = await call(url, 'POST', '/v1/subjects/honest/documents', {
    key,
    headers: { 'Idempotency-Key': 'large' },
    body: paper({ type: 'id', kind: 'passport' }, await drawPhotograph(12)),
  })
  assert.equal(stored.status, 201, JSON.stringify(stored.json))
  const untilOnRecord = await fromNow()
  const { socket } = await rawConnection(url)
  socket.pause()
  const reader = opened.key('nomor-keluar', 'senior-reviewer')
  const head = `GET /v1/documents/${stored.json.id}/content HTTP/1.1\r\nHost: vault\r\nAuthorization: Bearer ${reader}\r\n`
  const ended = closed(socket)
  // Many reads of one connection, of which none is taken, fill whatever the system buffers.
  for (let at = 0; at < 12; at++) socket.write(`${head}Vault-Purpose: kyc\r\nVault-Case: c-1\r\n\r\n`)
  await untilOnRecord('broken')
  socket.resume()
  await ended
})

/** Remembers what is on record now; the promise it gives resolves once a later entry with this outcome is. */
async function fromNow(): Promise<(out: string) => Promise<void>> {
  const known = new Set((await recorded(opened.vault, 'nomor-keluar')).map(({ id }) => id))
  return async out => {
    for (;;) {
      const fresh = (await recorded(opened.vault, 'nomor-keluar')).filter(({ id }) => !known.has(id))
      if (fresh.some(entry => entry.out === out)) return
      await new Promise(resolve => setImmediate(resolve))
    }
  }
}
