import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import test from 'node:test'
import type { MessageId } from '../../src/domain/ids.ts'
import type { KeyContext } from '../../src/domain/key-context.ts'
import { buildHeader } from '../../src/guards/message-header.ts'
import { openFrames } from '../../src/guards/open-frames.ts'
import { readAhead } from '../../src/guards/read-ahead.ts'
import { sealFrames } from '../../src/guards/seal.ts'
import { committedKeys } from '../../src/guards/unseal.ts'
import { parseMessage, unwrapRaw } from '../support/message.ts'
import { blobOf } from '../support/sealing.ts'

/** A sealed document as format 1 made it. Written once and never again: what these files hold must open for ever. */
interface Frozen {
  readonly fmt: 1
  readonly dek: string
  readonly messageId: string
  readonly context: KeyContext
  readonly frameBytes: number
  readonly plaintext: { readonly repeat: string; readonly bytes: number }
  readonly commitKey: string
  readonly wrappingKey: string
  readonly edk: { readonly provider: string; readonly info: string; readonly blob: string }
  readonly header: string
  readonly bodySha256: string
  readonly body: string
}

const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64')
const folder = new URL('./sealed-v1/', import.meta.url)
const names = readdirSync(folder).sort()

function read(name: string) {
  const frozen = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Frozen
  const { repeat, bytes: sizeBytes } = frozen.plaintext
  const plaintext = sizeBytes === 0 ? Buffer.alloc(0) : Buffer.alloc(sizeBytes, bytes(repeat))
  const messageId = bytes(frozen.messageId)
  const document = {
    messageId: messageId.toString('hex') as MessageId,
    commitKey: frozen.commitKey,
    plaintextBytes: sizeBytes,
    frameBytes: frozen.frameBytes,
  }
  const { edk } = frozen
  const wrapped = { provider: edk.provider, info: bytes(edk.info), blob: bytes(edk.blob) }
  return { frozen, plaintext, messageId, document, wrapped, body: bytes(frozen.body), header: bytes(frozen.header) }
}

test('the frozen answers of format 1 are all there', () => {
  assert.deepEqual(names, ['empty.json', 'one-byte.json', 'short.json', 'two-frames.json'])
})

for (const name of names) {
  test(`the frozen answer ${name} opens, and is sealed to the same bytes`, async () => {
    const { frozen, plaintext, messageId, document, wrapped, body, header } = read(name)
    assert.equal(createHash('sha256').update(body).digest('base64'), frozen.bodySha256)
    const dataKey = unwrapRaw(wrapped, bytes(frozen.wrappingKey), frozen.context)
    assert.equal(dataKey.toString('base64'), frozen.dek)
    const keys = committedKeys(dataKey, document)

    const rebuilt = buildHeader({ ...frozen, messageId, edks: [wrapped] }, keys)
    assert.deepEqual(rebuilt, header)
    assert.deepEqual(parseMessage(Buffer.concat([header, body]))?.context, frozen.context)
    const parts = await sealFrames(keys.contentKey, messageId, plaintext, frozen.frameBytes)
    assert.equal(Buffer.concat(parts).equals(body), true)

    await using ahead = readAhead(blobOf(body), document, 0, plaintext.length, new AbortController().signal)
    const opened: Uint8Array[] = []
    for await (const frame of openFrames(keys.contentKey, messageId, ahead)) opened.push(...frame.plaintext)
    assert.equal(Buffer.concat(opened).equals(plaintext), true)
  })
}
