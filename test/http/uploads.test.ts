import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { limits } from '../../src/domain/media.ts'
import { type CallAnswer, call, paper } from '../support/call.ts'
import { openVault, type TestVault } from '../support/open-vault.ts'
import { drawIdCard } from '../support/papers.ts'
import { codeOf, rawAnswer } from '../support/raw-http.ts'
import { leftovers, recorded } from '../support/recorded.ts'

let opened: TestVault
let url: string
let key: string
let card: Buffer
let turn = 0

before(async () => {
  card = await drawIdCard(600)
  opened = await openVault({ timeouts: { lingerMs: 200 } })
  url = opened.door.url
  key = opened.key('nomor-keluar', 'onboarding')
})
after(async () => opened[Symbol.asyncDispose]())

const passport = { type: 'id', kind: 'passport' }

function upload(
  form: FormData | Buffer,
  headers: Record<string, string> = {},
  subject = `u-${++turn}`,
): Promise<CallAnswer> {
  return call(url, 'POST', `/v1/subjects/${subject}/documents`, {
    key,
    headers: { 'Idempotency-Key': `k-${turn}`, ...headers },
    body: form instanceof Buffer ? new Uint8Array(form) : form,
  })
}

interface Part {
  readonly name: string
  readonly text: string | Buffer
  readonly file?: string
  readonly extra?: string
}

/** A multipart body made by hand, so that its parts may be wrong. */
function multipart(parts: readonly Part[], closing = '\r\n--edge--\r\n'): Buffer {
  const pieces = parts.flatMap(({ name, text, file, extra = '' }, at) => [
    Buffer.from(`${at === 0 ? '' : '\r\n'}--edge\r\nContent-Disposition: form-data; name="${name}"`),
    Buffer.from(file === undefined ? '' : `; filename="${file}"`),
    Buffer.from(`${extra}\r\n\r\n`),
    Buffer.from(text),
  ])
  return Buffer.concat([...pieces, Buffer.from(closing)])
}

const edge = { 'Content-Type': 'multipart/form-data; boundary=edge' }
const meta: Part = { name: 'meta', text: JSON.stringify(passport) }
const file = (): Part => ({ name: 'file', text: card, file: 'a.jpg' })

/** The answer is the documented one, its refusal is the last thing on record, and nothing is left of it anywhere. */
async function refused(answer: () => Promise<CallAnswer>, status: number, code: string): Promise<void> {
  const earlier = await leftovers(opened.vault, 'nomor-keluar')
  const given = await answer()
  assert.deepEqual([given.status, given.json.code], [status, code], JSON.stringify(given.json))
  assert.deepEqual(await leftovers(opened.vault, 'nomor-keluar'), earlier)
  const last = (await recorded(opened.vault, 'nomor-keluar')).at(-1)
  assert.equal(last?.act, 'document.deposit')
  assert.equal(last?.why, code)
  assert.equal(last?.req, given.json.requestId)
}

test('a paper that is sent as asked for is stored, and its row, key and blob are there', async () => {
  const answer = await upload(paper(passport, card))
  assert.equal(answer.status, 201)
  assert.equal(answer.headers.get('location'), `/v1/documents/${answer.json.id}`)
  assert.deepEqual(await leftovers(opened.vault, 'nomor-keluar'), { rows: 1, keys: 1, blobs: 1 })
})

const badParts: readonly [string, () => readonly Part[], number, string][] = [
  ['the file before meta', () => [file(), meta], 400, 'multipart.order'],
  ['two files', () => [meta, file(), file()], 400, 'multipart.parts'],
  ['no file', () => [meta], 400, 'multipart.parts'],
  ['no meta', () => [file()], 400, 'multipart.order'],
  ['no part at all', () => [], 400, 'multipart.parts'],
  ['meta twice', () => [meta, meta, file()], 400, 'multipart.parts'],
  ['a field after the file', () => [meta, file(), { name: 'more', text: '1' }], 400, 'multipart.parts'],
  ['a field that is not known', () => [{ name: 'more', text: '1' }, file()], 400, 'field.unknown'],
  ['a file under another name', () => [meta, { ...file(), name: 'photo' }], 400, 'multipart.parts'],
  ['meta as a file', () => [{ ...meta, file: 'blob' }, file()], 400, 'multipart.parts'],
  [
    'a file without a file name',
    () => [meta, { name: 'file', text: card.toString('latin1').slice(0, 99) }],
    400,
    'multipart.parts',
  ],
  ['a file name with NUL', () => [meta, { ...file(), file: 'nul\0l.jpg' }], 400, 'multipart.malformed'],
  ['an empty file', () => [meta, { ...file(), text: '' }], 422, 'file.empty'],
  ['meta that is no JSON', () => [{ ...meta, text: 'id' }, file()], 400, 'body.malformed'],
  [
    'meta with a key twice',
    () => [{ ...meta, text: '{"type":"id","type":"id","kind":"passport"}' }, file()],
    400,
    'body.duplicate-key',
  ],
  [
    'meta with an unknown field',
    () => [{ ...meta, text: JSON.stringify({ ...passport, tenant: 'omo7777' }) }, file()],
    400,
    'field.unknown',
  ],
  [
    'meta with __proto__',
    () => [{ ...meta, text: '{"type":"id","kind":"passport","__proto__":{"x":1}}' }, file()],
    400,
    'field.unknown',
  ],
  ['meta without a kind', () => [{ ...meta, text: '{"type":"id"}' }, file()], 400, 'field.invalid'],
  ['meta of the wrong type', () => [{ ...meta, text: '{"type":"id","kind":7}' }, file()], 400, 'field.invalid'],
  ['meta that is an array', () => [{ ...meta, text: '[]' }, file()], 400, 'field.invalid'],
  [
    'meta that is too long',
    () => [{ ...meta, text: ' '.repeat(limits.multipart.maxMetaBytes + 1) }, file()],
    413,
    'body.too-large',
  ],
  ['a part name with brackets', () => [{ name: 'meta[a]', text: '1' }, file()], 400, 'multipart.malformed'],
  ['a part name __proto__', () => [{ name: '__proto__', text: '1' }, file()], 400, 'field.unknown'],
  [
    'a paper that the platform refuses',
    () => [{ ...meta, text: '{"type":"selfie","kind":"selfie"}' }, file()],
    403,
    'paper.type-not-allowed',
  ],
  [
    'a kind that the platform does not collect',
    () => [{ ...meta, text: '{"type":"id","kind":"library_card"}' }, file()],
    403,
    'paper.kind-not-allowed',
  ],
  [
    'text that calls itself a picture',
    () => [meta, { ...file(), text: 'hello, I am a picture' }],
    415,
    'file.type-not-accepted',
  ],
  [
    'a picture that ends early',
    () => [meta, { ...file(), text: card.subarray(0, card.length >> 1) }],
    422,
    'file.broken',
  ],
  ['a PDF that is none', () => [meta, { ...file(), text: '%PDF-1.7\nhello' }], 422, 'file.broken'],
  [
    'a GIF',
    () => [meta, { ...file(), text: Buffer.from('R0lGODlhAQABAAAAACwAAAAAAQABAAACAkQBADs=', 'base64') }],
    415,
    'file.type-not-accepted',
  ],
]
for (const [what, parts, status, code] of badParts) {
  test(`${what}: ${status} ${code}, on record, and nothing is left`, () =>
    refused(() => upload(multipart(parts()), edge), status, code))
}

test('a body without its closing boundary is truncated', () =>
  refused(() => upload(multipart([meta, file()], ''), edge), 400, 'body.truncated'))

test('a broken part header is malformed', () =>
  refused(
    () => upload(Buffer.from('--edge\r\nno colon here\r\n\r\nx\r\n--edge--\r\n'), edge),
    400,
    'multipart.malformed',
  ))

test('a content type without a boundary, of another multipart, encoded, or of JSON is refused by its head', async () => {
  const body = multipart([meta, file()])
  await refused(() => upload(body, { 'Content-Type': 'multipart/form-data' }), 415, 'body.media-type')
  await refused(() => upload(body, { 'Content-Type': 'multipart/mixed; boundary=edge' }), 415, 'body.media-type')
  await refused(() => upload(body, { 'Content-Type': 'application/json' }), 415, 'body.media-type')
  await refused(() => upload(body, { ...edge, 'Content-Encoding': 'gzip' }), 415, 'body.media-type')
  await refused(() => upload(body, { 'Content-Type': 'multipart/form-data; charset=x' }), 400, 'multipart.malformed')
})

test('an idempotency key is needed, and must be one', async () => {
  const form = () => paper(passport, card)
  await refused(() => upload(form(), { 'Idempotency-Key': '' }), 400, 'idempotency.missing')
  await refused(() => upload(form(), { 'Idempotency-Key': 'a b' }), 400, 'field.invalid')
  await refused(() => upload(form(), { 'Idempotency-Key': 'k'.repeat(129) }), 400, 'field.invalid')
})

test('a repeated key is answered with the first answer, and another paper under it is a conflict', async () => {
  const headers = { 'Idempotency-Key': 'once' }
  const first = await upload(paper(passport, card), headers, 'repeat')
  const again = await upload(paper(passport, card), headers, 'repeat')
  assert.deepEqual([first.status, again.status], [201, 201])
  assert.equal(first.headers.get('idempotent-replayed'), null)
  assert.equal(again.headers.get('idempotent-replayed'), 'true')
  assert.deepEqual(again.json, first.json)
  await refused(
    async () => upload(paper(passport, await drawIdCard(500)), headers, 'repeat'),
    422,
    'idempotency.conflict',
  )
  await refused(
    () => upload(paper(passport, card), { 'Idempotency-Key': 'other' }, 'repeat'),
    409,
    'document.duplicate',
  )
})

test('the path of a subject must be a reference, and its spelling makes no second scope of a key', async () => {
  await refused(() => upload(paper(passport, card), {}, 'a%20b'), 400, 'field.invalid')
  await refused(() => upload(paper(passport, card), {}, 'a'.repeat(65)), 400, 'field.invalid')
  const headers = { 'Idempotency-Key': 'spelled' }
  const first = await upload(paper(passport, card), headers, 'spell')
  const again = await upload(paper(passport, card), headers, '%73pell')
  assert.equal(again.headers.get('idempotent-replayed'), 'true')
  assert.equal(again.json.id, first.json.id)
})

test('names of files mean nothing: traversal, CR LF, device names and RTL change neither answer nor disk', async () => {
  for (const name of ['../../etc/passwd', 'a%0D%0ASet-Cookie: x', '\u202egpj.exe', 'CON', '.htaccess']) {
    const answer = await upload(multipart([meta, { ...file(), file: name }]), edge)
    assert.equal(answer.status, 201, name)
    assert.ok(!JSON.stringify([answer.json, [...answer.headers], opened.lines]).includes('passwd'))
  }
  assert.deepEqual(readdirSync(opened.folder).sort(), ['data', 'keys'])
})

test('a file larger than its kind may be is refused: a picture above 15 MiB, a PDF above 20 MiB', async () => {
  const picture = Buffer.concat([card, Buffer.alloc(limits.image.maxBytes - card.length + 1)])
  await refused(() => upload(paper(passport, picture)), 413, 'file.too-large')
  const pdf = Buffer.concat([Buffer.from('%PDF-1.7\n'), Buffer.alloc(limits.pdf.maxBytes)])
  await refused(() => upload(paper(passport, pdf)), 413, 'file.too-large')
})

test('a body that announces more than any paper may have is refused before a byte of it is read', async () => {
  const before = (await recorded(opened.vault, 'nomor-keluar')).length
  const head = [
    'POST /v1/subjects/big/documents HTTP/1.1',
    'Host: vault',
    `Authorization: Bearer ${key}`,
    'Idempotency-Key: big',
    'Content-Type: multipart/form-data; boundary=edge',
    'Content-Length: 99999999999',
    'Connection: close',
  ].join('\r\n')
  const answer = await rawAnswer(url, `${head}\r\n\r\n`)
  assert.deepEqual([answer.status, codeOf(answer)], [413, 'body.too-large'])
  const entries = await recorded(opened.vault, 'nomor-keluar')
  assert.deepEqual(
    entries.slice(before).map(({ out, why }) => [out, why]),
    [['deny', 'body.too-large']],
  )
})

test('a chunked body of no announced length is stored, and cut off once it is larger than any paper', async () => {
  const stream = (body: Buffer) => new Blob([new Uint8Array(body)]).stream()
  const send = async (body: Buffer, idempotency: string) =>
    fetch(`${url}/v1/subjects/chunked/documents`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${key}`, 'Idempotency-Key': idempotency, ...edge },
      body: stream(body),
      duplex: 'half',
    } as RequestInit)
  assert.equal((await send(multipart([meta, file()]), 'c-1')).status, 201)
  const huge = multipart([
    meta,
    { ...file(), text: Buffer.concat([Buffer.from('%PDF-'), Buffer.alloc(limits.pdf.maxBytes)]) },
  ])
  const answer = await send(huge, 'c-2')
  assert.deepEqual([answer.status, ((await answer.json()) as { code: string }).code], [413, 'file.too-large'])
})

test('a role without the right is refused before the file is asked for', async () => {
  const answer = await call(url, 'POST', '/v1/subjects/u/documents', {
    key: opened.key('nomor-keluar', 'reviewer'),
    headers: { 'Idempotency-Key': 'r' },
    body: paper(passport, card),
  })
  assert.deepEqual([answer.status, answer.json.code], [403, 'role.not-allowed'])
})
