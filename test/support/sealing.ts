import { randomBytes, randomUUID } from 'node:crypto'
import type { Sealed } from '../../src/domain/document.ts'
import type { Grant } from '../../src/domain/grant.ts'
import type { DocumentId, MessageId, SubjectId, TenantId } from '../../src/domain/ids.ts'
import { documentContext, type KeyContext } from '../../src/domain/key-context.ts'
import { readAhead } from '../../src/guards/read-ahead.ts'
import { hashBody, seal } from '../../src/guards/seal.ts'
import { type Opening, unseal } from '../../src/guards/unseal.ts'
import type { OpenBlob } from '../../src/ports/blobs.ts'
import type { Keyring } from '../../src/ports/keyring.ts'
import type { EncryptedDataKey } from '../../src/ports/wrapped-keys.ts'
import { rawGrant } from './raw-grant.ts'

type SealingKeyring = Pick<Keyring, 'newDataKey' | 'unwrap'>

/** A sealed document with everything that opens it. */
export interface SealedSample {
  readonly plaintext: Uint8Array
  readonly document: Sealed & { readonly messageId: MessageId }
  readonly edks: readonly EncryptedDataKey[]
  readonly context: KeyContext
  readonly body: Buffer
}

export function newContext(): KeyContext {
  return documentContext({
    tenant: 'omo7777' as TenantId,
    subject: randomUUID() as SubjectId,
    document: randomUUID() as DocumentId,
  })
}

export async function sealSample(keyring: SealingKeyring, plaintext: Uint8Array): Promise<SealedSample> {
  const context = newContext()
  const sealed = await seal({ keyring }, rawGrant as Grant<'document.deposit'>, { plaintext, context })
  const bodySha256 = await hashBody(sealed.parts)
  const document = { ...sealed.sealed, bodySha256, messageId: sealed.messageId }
  return { plaintext, document, edks: sealed.wrapped.edks, context, body: Buffer.concat(sealed.parts) }
}

/** `sizeBytes` random bytes. */
export function sealRandom(keyring: SealingKeyring, sizeBytes: number): Promise<SealedSample> {
  return sealSample(keyring, randomBytes(sizeBytes))
}

/** Stored bytes as an open object, in chunks of any size, which the port leaves to the adapter. */
export function blobOf(bytes: Uint8Array, chunkBytes = 262_144): OpenBlob {
  return {
    sizeBytes: bytes.length,
    async *read(start, end, signal) {
      for (let at = start; at < end; at += chunkBytes) {
        signal.throwIfAborted()
        yield bytes.subarray(at, Math.min(at + chunkBytes, end))
      }
    },
    async [Symbol.asyncDispose]() {},
  }
}

/** Everything the vault gives out of [start, end), and what stopped it, if anything did. */
export async function openSample(
  keyring: SealingKeyring,
  sample: Omit<SealedSample, 'plaintext'>,
  range: { readonly start?: number; readonly end?: number; readonly chunkBytes?: number } = {},
): Promise<{ readonly released: Buffer; readonly failure?: unknown }> {
  const { document, edks, context, body } = sample
  const { start = 0, end = document.plaintextBytes, chunkBytes } = range
  const released: Uint8Array[] = []
  try {
    await using ahead = readAhead(blobOf(body, chunkBytes), document, start, end, new AbortController().signal)
    await using bytes = await unseal({ keyring }, rawGrant as Grant<Opening>, { document, edks, context, body: ahead })
    for await (const piece of bytes) released.push(piece)
    return { released: Buffer.concat(released) }
  } catch (failure) {
    return { released: Buffer.concat(released), failure }
  }
}
