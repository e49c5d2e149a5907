import {
  DecryptCommand,
  DescribeKeyCommand,
  GenerateDataKeyCommand,
  GenerateMacCommand,
  type KeyMetadata,
  type KMSClient,
  ReEncryptCommand,
} from '@aws-sdk/client-kms'
import { VaultError } from '../domain/errors.ts'
import type { KeyContext } from '../domain/key-context.ts'
import { askKms, ownKey } from './kms-client.ts'

/**
 * A new data key. What the ring asks KMS is one function for each call here, and each answer is held against what was asked.
 *
 * @returns ARN of the key that wrapped, the wrapped key, and the data key for its taker to wipe
 */
export async function generateKey(
  client: KMSClient,
  name: string,
  context: KeyContext,
): Promise<{ readonly arn: string; readonly blob: Uint8Array; readonly plaintextKey: Uint8Array }> {
  const command = new GenerateDataKeyCommand({
    KeyId: name,
    KeySpec: 'AES_256',
    EncryptionContext: { ...context },
  })
  const { KeyId: arn, CiphertextBlob: blob, Plaintext } = await askKms(options => client.send(command, options))
  if (arn === undefined || blob === undefined) throw new VaultError('keys.unavailable')
  return { arn, blob, plaintextKey: ownKey(Plaintext) }
}

/** @throws {VaultError} keys.refused - it does not open under exactly this key and context */
export async function decryptKey(
  client: KMSClient,
  arn: string,
  blob: Uint8Array,
  context: KeyContext,
): Promise<Uint8Array> {
  const command = new DecryptCommand({ KeyId: arn, CiphertextBlob: blob, EncryptionContext: { ...context } })
  const { KeyId, Plaintext } = await askKms(options => client.send(command, options))
  const key = ownKey(Plaintext)
  if (KeyId === arn) return key
  key.fill(0)
  throw new VaultError('keys.refused')
}

/** The same data key under another wrapping key, in the same context. @throws {VaultError} keys.refused - as above */
export async function reEncryptKey(
  client: KMSClient,
  { from, to, blob, context }: Readonly<Record<'from' | 'to', string>> & { blob: Uint8Array; context: KeyContext },
): Promise<Uint8Array> {
  const command = new ReEncryptCommand({
    CiphertextBlob: blob,
    SourceKeyId: from,
    SourceEncryptionContext: { ...context },
    DestinationKeyId: to,
    DestinationEncryptionContext: { ...context },
  })
  const answer = await askKms(options => client.send(command, options))
  if (answer.KeyId !== to || answer.SourceKeyId !== from || answer.CiphertextBlob === undefined) {
    throw new VaultError('keys.refused')
  }
  return answer.CiphertextBlob
}

/** HMAC-SHA-256, 32 bytes, of at most 4,096. */
export async function generateMac(client: KMSClient, name: string, message: Uint8Array): Promise<Uint8Array> {
  const command = new GenerateMacCommand({ KeyId: name, MacAlgorithm: 'HMAC_SHA_256', Message: message })
  const { Mac } = await askKms(options => client.send(command, options))
  if (Mac?.byteLength !== 32) throw new VaultError('keys.unavailable')
  return new Uint8Array(Mac)
}

/** What stands behind a name. @throws {VaultError} keys.refused - nothing does */
export async function factsOfKey(
  client: KMSClient,
  name: string,
): Promise<{ readonly Arn: string; readonly KeyState: KeyMetadata['KeyState'] }> {
  const command = new DescribeKeyCommand({ KeyId: name })
  const { KeyMetadata } = await askKms(options => client.send(command, options))
  const { Arn, KeyState } = KeyMetadata ?? {}
  if (Arn === undefined) throw new VaultError('keys.unavailable')
  return { Arn, KeyState }
}
