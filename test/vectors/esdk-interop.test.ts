import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  AlgorithmSuiteIdentifier,
  buildClient,
  CommitmentPolicy,
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier,
} from '@aws-crypto/client-node'
import type { Grant } from '../../src/domain/grant.ts'
import type { MessageId } from '../../src/domain/ids.ts'
import { exportMessage } from '../../src/guards/export-message.ts'
import { plaintextBytesOf, sealedFrameBytes as F } from '../../src/guards/frames.ts'
import { buildHeader } from '../../src/guards/message-header.ts'
import { openFrames } from '../../src/guards/open-frames.ts'
import { readAhead, readAheadIn } from '../../src/guards/read-ahead.ts'
import { committedKeys } from '../../src/guards/unseal.ts'
import { freshKeyring } from '../support/fresh-keyring.ts'
import { parseMessage, unwrapRaw } from '../support/message.ts'
import { needsVariable } from '../support/needs.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { blobOf, newContext, type SealedSample, sealRandom } from '../support/sealing.ts'

const sizes = [0, 1, F - 1, F, F + 1, 3 * F, 10 * 1024 * 1024]
const namespace = 'auditor'
const keyName = 'auditor/2026'
const sdk = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
const never = new AbortController().signal
const keyring = await freshKeyring()

/** The official keyring zeroes the buffer that it is given. */
function officialKeyring(wrappingKey: Uint8Array): RawAesKeyringNode {
  return new RawAesKeyringNode({
    keyNamespace: namespace,
    keyName,
    unencryptedMasterKey: Uint8Array.from(wrappingKey),
    wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
  })
}

async function exported(sample: SealedSample, wrappingKey: Uint8Array): Promise<Buffer> {
  const { document, edks, context, body } = sample
  await using ahead = readAhead(blobOf(body), document, 0, document.plaintextBytes, never)
  const grant = rawGrant as Grant<'document.export'>
  const recipient = { namespace, keyName, wrappingKey }
  const message = await exportMessage({ keyring }, grant, { document, edks, context, body: ahead }, recipient)
  await using bytes = message.body
  const parts = [message.header]
  for await (const part of bytes) parts.push(part)
  const joined = Buffer.concat(parts)
  assert.equal(joined.length, message.sizeBytes)
  return joined
}

test('the AWS Encryption SDK for JavaScript opens what the vault exports, at every size around a frame', async () => {
  const wrappingKey = randomBytes(32)
  for (const size of sizes) {
    const sample = await sealRandom(keyring, size)
    const message = await exported(sample, wrappingKey)
    assert.equal(message.subarray(-sample.body.length).equals(sample.body), true, 'the body was not taken as stored')
    const { plaintext, messageHeader } = await sdk.decrypt(officialKeyring(wrappingKey), message)
    assert.equal(plaintext.equals(sample.plaintext), true, `size ${size}`)
    assert.deepEqual({ ...messageHeader.encryptionContext }, sample.context)
  }
})

test('the vault opens what the AWS Encryption SDK for JavaScript seals, at every size around a frame', async () => {
  const wrappingKey = randomBytes(32)
  for (const size of sizes) {
    const plaintext = randomBytes(size)
    const { result } = await sdk.encrypt(officialKeyring(wrappingKey), plaintext, {
      suiteId: AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY,
      frameLength: F,
      encryptionContext: { ...newContext() },
    })
    const message = parseMessage(result)
    const edk = message?.edks[0]
    assert.ok(message && edk)
    const messageId = Buffer.from(message.messageId)
    const document = {
      messageId: messageId.toString('hex') as MessageId,
      commitKey: message.commitKey.toString('base64'),
    }
    const keys = committedKeys(unwrapRaw(edk, wrappingKey, message.context), document)
    assert.deepEqual(buildHeader(message, keys), message.header)
    assert.equal(plaintextBytesOf(message.layout), size)
    await using ahead = readAheadIn(blobOf(message.body), message.layout, 0, size, never)
    const opened: Uint8Array[] = []
    for await (const frame of openFrames(keys.contentKey, messageId, ahead)) opened.push(...frame.plaintext)
    assert.equal(Buffer.concat(opened).equals(plaintext), true, `size ${size}`)
  }
})

test('an export opens with the recipient’s key alone', async () => {
  const message = await exported(await sealRandom(keyring, 100), randomBytes(32))
  await assert.rejects(sdk.decrypt(officialKeyring(randomBytes(32)), message))
})

test('an export whose header was changed in any byte is refused by the AWS Encryption SDK', async () => {
  const wrappingKey = randomBytes(32)
  const sample = await sealRandom(keyring, 10)
  const message = await exported(sample, wrappingKey)
  for (let at = 0; at < message.length - sample.body.length; at += 7) {
    const changed = Buffer.from(message)
    changed[at] = (changed[at] as number) ^ 1
    await assert.rejects(sdk.decrypt(officialKeyring(wrappingKey), changed), `byte ${at}`)
  }
})

const python = needsVariable('VAULT_TEST_ESDK_PYTHON', 'the AWS Encryption SDK for Python')

test('the AWS Encryption SDK for Python opens what the vault exports', { skip: python.skip }, async () => {
  const wrappingKey = randomBytes(32)
  const folder = await mkdtemp(join(tmpdir(), 'vault-interop-'))
  try {
    const keyPath = join(folder, 'key')
    const messagePath = join(folder, 'message')
    await writeFile(keyPath, wrappingKey, { mode: 0o600 })
    for (const size of sizes) {
      const sample = await sealRandom(keyring, size)
      await writeFile(messagePath, await exported(sample, wrappingKey))
      const asked = { keyPath, messagePath, namespace, keyName, context: sample.context }
      const opened = await openInPython(JSON.stringify(asked))
      assert.equal(opened.equals(sample.plaintext), true, `size ${size}`)
    }
  } finally {
    await rm(folder, { recursive: true })
  }
})

function openInPython(asked: string): Promise<Buffer> {
  const script = fileURLToPath(new URL('../support/esdk_open.py', import.meta.url))
  return new Promise((resolve, reject) => {
    const options = { encoding: 'buffer', maxBuffer: 64 * 1024 * 1024 } as const
    const child = execFile(python.value, [script], options, (error, stdout, stderr) => {
      if (error) reject(new Error(`the judge refused: ${stderr.toString('utf8').slice(-2_000)}`, { cause: error }))
      else resolve(stdout)
    })
    child.stdin?.end(asked)
  })
}
