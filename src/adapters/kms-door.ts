import { createSecretKey, type KeyObject } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'
import { DecryptCommand, GenerateDataKeyWithoutPlaintextCommand, type KMSClient } from '@aws-sdk/client-kms'
import { z } from 'zod'
import { VaultError } from '../domain/errors.ts'
import { askKms, type KmsPlace, newKmsClient, ownKey } from './kms-client.ts'

/**
 * The door's secret, wrapped: JSON of `{format, key, blob}`; `blob` is the base64 CiphertextBlob of 32 random bytes under the
 * KMS key `key` (its ARN) and the encryption context below. Every instance of a vault is given the same file. It opens
 * nothing without the right to decrypt under that key, and without it no API key is known any more.
 */
const doorFile = z.strictObject({
  format: z.literal('vault-door/1'),
  key: z.string().startsWith('arn:'),
  blob: z.base64().min(4).max(8_192),
})

const doorContext = { fmt: '1', purpose: 'door' }

/**
 * Makes the file, 0600, never over one that is there. Nobody sees the secret on the way: KMS answers with it wrapped.
 *
 * @param key id, ARN or alias of the symmetric key that wraps it
 * @throws {VaultError} config.invalid - the file is there, or cannot be made
 * @throws {VaultError} keys.unavailable - KMS does not answer, or not for this key
 */
async function makeDoorFile(client: KMSClient, key: string, path: string): Promise<void> {
  const command = new GenerateDataKeyWithoutPlaintextCommand({
    KeyId: key,
    KeySpec: 'AES_256',
    EncryptionContext: doorContext,
  })
  const { KeyId, CiphertextBlob } = await askKms(options => client.send(command, options))
  if (KeyId === undefined || CiphertextBlob === undefined) throw new VaultError('keys.unavailable')
  const blob = Buffer.from(CiphertextBlob).toString('base64')
  try {
    await using file = await open(path, 'wx', 0o600)
    await file.writeFile(`${JSON.stringify({ format: 'vault-door/1', key: KeyId, blob })}\n`)
    await file.sync()
  } catch (error) {
    throw problem(`cannot be made${codeIn(error)}`, error)
  }
}

/** The same with a client of its own. @throws {VaultError} as `makeDoorFile` */
export async function initDoorFile(place: KmsPlace, key: string, path: string): Promise<void> {
  const client = newKmsClient(place)
  try {
    await makeDoorFile(client, key, path)
  } finally {
    client.destroy()
  }
}

/**
 * The ARN of the key that the file is wrapped under; undefined when there is no file.
 * @throws {VaultError} config.invalid - it is none of this form
 */
export async function keyOfDoorFile(path: string): Promise<string | undefined> {
  try {
    return (await readDoorFile(path)).key
  } catch (error) {
    if (error instanceof VaultError && codeIn(error.cause) === ' (ENOENT)') return undefined
    throw error
  }
}

/**
 * The secret, unwrapped by KMS once, for as long as the process lives.
 *
 * @throws {VaultError} config.invalid - no such file, or not one of this form, or wrapped under another key or context
 * @throws {VaultError} keys.unavailable - KMS does not answer
 */
export async function openDoorFile(client: KMSClient, path: string): Promise<KeyObject> {
  const { key, blob } = await readDoorFile(path)
  const command = new DecryptCommand({
    KeyId: key,
    CiphertextBlob: Buffer.from(blob, 'base64'),
    EncryptionContext: doorContext,
  })
  const { Plaintext } = await askKms(options => client.send(command, options)).catch(error => {
    throw isRefusal(error) ? problem('is not opened by the KMS key that it names', error) : error
  })
  const secret = ownKey(Plaintext)
  try {
    return createSecretKey(secret)
  } finally {
    secret.fill(0)
  }
}

async function readDoorFile(path: string): Promise<z.infer<typeof doorFile>> {
  try {
    const found: unknown = JSON.parse(await readFile(path, 'utf8'))
    return doorFile.parse(found)
  } catch (error) {
    throw problem(codeIn(error) === '' ? 'is no door file' : `cannot be read${codeIn(error)}`, error)
  }
}

const isRefusal = (error: unknown): boolean => error instanceof VaultError && error.code === 'keys.refused'

function problem(what: string, cause: unknown): VaultError {
  const problems = [{ field: 'VAULT_KMS_DOOR_FILE', message: `the file ${what}` }]
  return new VaultError('config.invalid', { problems }, cause)
}

function codeIn(error: unknown): string {
  return error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
}
