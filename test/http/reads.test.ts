import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { DocumentId, TenantId } from '../../src/domain/ids.ts'
import { type CallAnswer, call, paper } from '../support/call.ts'
import { openVault, type TestVault } from '../support/open-vault.ts'
import { drawAddressProof, drawIdCard } from '../support/papers.ts'
import { rawAnswer } from '../support/raw-http.ts'
import { recorded } from '../support/recorded.ts'

let opened: TestVault
let url: string
let id: string
let whole: Buffer
let etag: string

const reason = { 'Vault-Purpose': 'kyc', 'Vault-Case': 'case-1' }

const keyOf = (role: Parameters<TestVault['key']>[1]): string => opened.key('nomor-keluar', role)

const store = async (subject: string, type: string, kind: string, file: Buffer): Promise<CallAnswer> =>
  call(url, 'POST', `/v1/subjects/${subject}/documents`, {
    key: keyOf('onboarding'),
    headers: { 'Idempotency-Key': `${subject}-${kind}` },
    body: paper({ type, kind }, file),
  })

const look = (headers: Record<string, string> = {}, method = 'GET', query = ''): Promise<CallAnswer> =>
  call(url, method, `/v1/documents/${id}/content${query}`, {
    key: keyOf('senior-reviewer'),
    headers: { ...reason, ...headers },
  })

before(async () => {
  opened = await openVault()
  url = opened.door.url
  whole = drawAddressProof()
  const stored = await store('reader', 'address', 'utility-bill', whole)
  assert.equal(stored.status, 201, JSON.stringify(stored.json))
  id = stored.json.id
  etag = (await look()).headers.get('etag') ?? ''
})
after(async () => opened[Symbol.asyncDispose]())

test('a look gives the bytes that were stored, as a download that nothing may keep, sniff or run', async () => {
  const answer = await look()
  assert.equal(answer.status, 200)
  assert.deepEqual(answer.bytes, whole)
  const expected = {
    'content-type': 'application/pdf',
    'content-length': String(whole.length),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': 'sandbox',
    'content-disposition': `attachment; filename="address-${id}.pdf"`,
    'accept-ranges': 'bytes',
  }
  for (const [name, value] of Object.entries(expected)) assert.equal(answer.headers.get(name), value, name)
  assert.match(etag, /^"[\x21-\x7e]+"$/)
  assert.match(answer.headers.get('vault-receipt') ?? '', /^"nomor-keluar\/\d{4}";index=\d+;leaf="[\w-]{43}"$/)
})

test('the receipt of a look names its entry', async () => {
  const receipt = (await look()).headers.get('vault-receipt') ?? ''
  const index = Number(/index=(\d+)/.exec(receipt)?.[1])
  const entry = (await recorded(opened.vault, 'nomor-keluar'))[index]
  assert.deepEqual([entry?.act, entry?.out, entry?.doc, entry?.case], ['document.open.original', 'allow', id, 'case-1'])
})

test('each range that can be served is, and says which', async () => {
  const { length } = whole
  const rows: readonly [string, number, number][] = [
    ['bytes=0-0', 0, 1],
    ['bytes=0-99', 0, 100],
    [`bytes=${length - 1}-`, length - 1, length],
    ['bytes=-10', length - 10, length],
    [`bytes=-${length * 2}`, 0, length],
    [`bytes=5-${length * 2}`, 5, length],
  ]
  for (const [range, start, end] of rows) {
    const answer = await look({ Range: range })
    assert.equal(answer.status, 206, range)
    assert.equal(answer.headers.get('content-range'), `bytes ${start}-${end - 1}/${length}`)
    assert.deepEqual(answer.bytes, whole.subarray(start, end), range)
  }
})

test('a range that cannot be served is 416, and of a good one beyond the end the size is told', async () => {
  for (const range of ['bytes=5-4', 'bytes=-', 'bytes=a-b', 'bytes=0-1,5-9', 'bytes=-0', `bytes=${whole.length}-`]) {
    const answer = await look({ Range: range })
    assert.deepEqual([answer.status, answer.json.code], [416, 'range.not-satisfiable'], range)
  }
  const beyond = await look({ Range: `bytes=${whole.length}-` })
  assert.equal(beyond.headers.get('content-range'), `bytes */${whole.length}`)
})

test('a range of another unit is ignored (RFC 9110, 14.2)', async () => {
  assert.equal((await look({ Range: 'pages=1-2' })).status, 200)
})

test('If-Range serves the range only of the same paper', async () => {
  assert.equal((await look({ Range: 'bytes=0-9', 'If-Range': etag })).status, 206)
  assert.equal((await look({ Range: 'bytes=0-9', 'If-Range': '"other"' })).status, 200)
  assert.equal((await look({ Range: 'bytes=0-9', 'If-Range': 'Sat, 21 Nov 2026 00:00:00 GMT' })).status, 200)
})

test('If-None-Match spares the bytes, and the look is on record all the same', async () => {
  for (const held of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
    const answer = await look({ 'If-None-Match': held })
    assert.deepEqual([answer.status, answer.bytes.length], [304, 0], held)
    assert.equal(answer.headers.get('etag'), etag)
    const request = answer.headers.get('vault-request-id')
    const entries = (await recorded(opened.vault, 'nomor-keluar')).filter(({ req }) => req === request)
    assert.deepEqual(
      entries.map(({ out }) => out),
      ['allow', 'done'],
    )
  }
  assert.equal((await look({ 'If-None-Match': '"other"' })).status, 200)
})

test('HEAD tells what GET would, without bytes', async () => {
  const [head, get] = [await look({}, 'HEAD'), await look()]
  assert.deepEqual([head.status, head.bytes.length], [200, 0])
  for (const name of ['content-length', 'content-type', 'etag', 'accept-ranges', 'content-disposition']) {
    assert.equal(head.headers.get(name), get.headers.get(name), name)
  }
  assert.equal((await look({ Range: 'bytes=0-4' }, 'HEAD')).headers.get('content-length'), '5')
})

test('other renditions are refused in words', async () => {
  for (const rendition of ['preview', 'masked']) {
    const answer = await look({}, 'GET', `?rendition=${rendition}`)
    assert.deepEqual([answer.status, answer.json.code], [422, 'rendition.not-offered'])
  }
  assert.equal((await look({}, 'GET', '?rendition=huge')).json.code, 'field.invalid')
})

test('a look needs a purpose of the platform and a case', async () => {
  const ask = async (headers: Record<string, string>) =>
    (await call(url, 'GET', `/v1/documents/${id}/content`, { key: keyOf('senior-reviewer'), headers })).json.code
  assert.equal(await ask({ 'Vault-Case': 'c' }), 'purpose.missing')
  assert.equal(await ask({ 'Vault-Purpose': 'curiosity', 'Vault-Case': 'c' }), 'purpose.not-allowed')
  assert.equal(await ask({ 'Vault-Purpose': 'kyc' }), 'case.missing')
  assert.equal(await ask({ 'Vault-Purpose': 'kyc', 'Vault-Case': 'two words' }), 'field.invalid')
})

test('another tenant, and nobody, get the same answer for a paper of this one', async () => {
  const other = { key: opened.key('jnetot', 'senior-reviewer'), headers: reason }
  const known = await call(url, 'GET', `/v1/documents/${id}/content`, other)
  const unknown = await call(url, 'GET', '/v1/documents/01a20196-0000-7000-8000-000000000000/content', other)
  assert.deepEqual([known.status, unknown.status], [404, 404])
  const plain = ({ json }: CallAnswer) => ({ ...json, requestId: '', instance: '' })
  assert.deepEqual(plain(known), plain(unknown))
  const names = (answer: CallAnswer) => [...answer.headers.keys()].sort()
  assert.deepEqual(names(known), names(unknown))
})

test('what is known of a paper carries a tag that changes when its review is decided', async () => {
  const describe = (headers = {}) => call(url, 'GET', `/v1/documents/${id}`, { key: keyOf('auditor'), headers })
  const first = await describe()
  const tag = first.headers.get('etag') ?? ''
  assert.equal((await describe({ 'If-None-Match': tag })).status, 304)
  const decided = await call(url, 'POST', `/v1/documents/${id}/reviews`, {
    key: keyOf('senior-reviewer'),
    headers: { 'Idempotency-Key': 'decide' },
    json: { decision: 'approve', reasons: ['matches-subject'] },
  })
  assert.equal(decided.status, 201, JSON.stringify(decided.json))
  const later = await describe({ 'If-None-Match': tag })
  assert.equal(later.status, 200)
  assert.notEqual(later.headers.get('etag'), tag)
})

test('a paper whose frame is damaged breaks the connection after the good frames, and never looks complete', async () => {
  const picture = await drawIdCard(1_500)
  const stored = await store('damaged', 'id', 'passport', picture)
  const row = await opened.vault.ledger.findDocument('nomor-keluar' as TenantId, stored.json.id as DocumentId)
  assert.ok(row?.state === 'stored' && row.plaintextBytes > 3 * row.frameBytes)
  const path = join(opened.folder, 'data', 'blobs', row.blobKey)
  const bytes = readFileSync(path)
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 40) ^ 1, bytes.length - 40)
  writeFileSync(path, bytes)
  const lines = [
    `GET /v1/documents/${row.id}/content HTTP/1.1`,
    'Host: vault',
    `Authorization: Bearer ${keyOf('senior-reviewer')}`,
    'Vault-Purpose: kyc',
    'Vault-Case: c',
  ]
  const answer = await rawAnswer(url, `${lines.join('\r\n')}\r\n\r\n`)
  assert.equal(answer.status, 200)
  assert.ok(answer.body.length > 0 && answer.body.length < row.plaintextBytes)
  await opened.door.stop()
  const last = (await recorded(opened.vault, 'nomor-keluar')).findLast(entry => entry.doc === row.id)
  assert.ok(last && ['broken', 'error'].includes(last.out), JSON.stringify(last))
})
