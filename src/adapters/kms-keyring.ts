import { createHmac, type KeyObject } from 'node:crypto'
import {
  DecryptCommand,
  DescribeKeyCommand,
  GenerateDataKeyCommand,
  GenerateMacCommand,
  type KMSClient,
} from '@aws-sdk/client-kms'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { KeyContext } from '../domain/key-context.ts'
import type { DataKey, Keyring } from '../ports/keyring.ts'
import type { EncryptedDataKey } from '../ports/wrapped-keys.ts'
import { askKms, type KmsPlace, newKmsClient, ownKey } from './kms-client.ts'
import { makeDoorFile, openDoorFile } from './kms-door.ts'

/** Each key by alias, key id or ARN; one key for each purpose. */
export interface KmsKeys {
  /** Symmetric: wraps the data keys of documents. */
  readonly documents: string
  /** Keys of earlier epochs, which open what they wrapped and wrap nothing new. */
  readonly formerDocuments?: readonly string[]
  /** `HMAC_256`. */
  readonly blindIndex: string
}

export interface KmsKeyringOptions extends KmsPlace {
  readonly keys: KmsKeys
  /** See kms-door.ts. A ring without it knows no caller. */
  readonly doorFile?: string
  /** What it may do with the documents' keys; both when absent. `ready` asks for nothing else. */
  readonly may?: readonly ('make' | 'open')[]
}

const provider = 'aws-kms'
const maxMacBytes = 4_096
const maxBlobBytes = 6_144
/** How long a data key that was made and opened speaks for the next one. */
const readyForMs = 5_000
const probe: KeyContext = { fmt: '1', purpose: 'document' }

/**
 * Wrapping keys that never leave KMS. A data key is wrapped as the KMS keyring of the AWS Encryption SDK does: provider
 * `aws-kms`, info = UTF-8 of the exact key ARN, blob = CiphertextBlob; the epoch is that ARN. Only keys that this ring was
 * given open anything: a wrapped key that names another is refused before KMS is asked.
 *
 * Rights: `DescribeKey` on the documents' keys, `GenerateDataKey` to make, `Decrypt` to open; `GenerateMac` on the blind
 * index's to make; `Decrypt` on the door's.
 */
export class KmsKeyring implements Keyring, AsyncDisposable {
  readonly #client: KMSClient
  readonly #keys: KmsKeys
  readonly #door: KeyObject | undefined
  readonly #may: readonly ('make' | 'open')[]
  /** ARNs, as KMS itself named them. */
  #opening: ReadonlySet<string> = new Set()
  #readyUntilMs = 0

  /** Use `openKmsKeyring`. */
  constructor(client: KMSClient, { keys, may }: KmsKeyringOptions, door: KeyObject | undefined) {
    this.#client = client
    this.#keys = keys
    this.#may = may ?? ['make', 'open']
    this.#door = door
  }

  async newDataKey(_by: Grant, context: KeyContext): Promise<DataKey> {
    return this.#make(context)
  }

  async unwrap(_by: Grant, edks: readonly EncryptedDataKey[], context: KeyContext): Promise<Uint8Array> {
    return this.#openAny(edks, context)
  }

  async mac(purpose: 'door' | 'blind-index', message: Uint8Array): Promise<Uint8Array> {
    if (purpose === 'door') {
      if (!this.#door) throw new VaultError('keys.unavailable')
      return createHmac('sha256', this.#door).update(message).digest()
    }
    if (message.byteLength > maxMacBytes) throw new VaultError('keys.refused')
    const command = new GenerateMacCommand({
      KeyId: this.#keys.blindIndex,
      MacAlgorithm: 'HMAC_SHA_256',
      Message: message,
    })
    const { Mac } = await this.#ask(options => this.#client.send(command, options)).catch(unavailable)
    if (Mac?.byteLength !== 32) throw new VaultError('keys.unavailable')
    return new Uint8Array(Mac)
  }

  /**
   * Makes a data key and opens it, or what of the two it may, or trusts one that was a few seconds ago; any failure since then
   * ends that trust. One that may only open has nothing to try it on, so it asks whether the key is in use.
   */
  async ready(): Promise<void> {
    if (performance.now() < this.#readyUntilMs) return
    if (this.#may.includes('make')) await this.#tryOut()
    else await this.#requireInUse()
    this.#readyUntilMs = performance.now() + readyForMs
  }

  async #tryOut(): Promise<void> {
    const { plaintextKey, edks } = await this.#make(probe)
    const opened = this.#may.includes('open')
      ? await this.#openAny(edks, probe).catch(unavailable)
      : plaintextKey.slice()
    const isSame = Buffer.compare(plaintextKey, opened) === 0
    plaintextKey.fill(0)
    opened.fill(0)
    if (!isSame) throw new VaultError('keys.unavailable')
  }

  /** Learns which keys may open. @throws {VaultError} keys.unavailable - one of them cannot be looked up */
  async learnKeys(): Promise<void> {
    const names = [this.#keys.documents, ...(this.#keys.formerDocuments ?? [])]
    const arns = await Promise.all(names.map(name => this.#arnOf(name)))
    this.#opening = new Set(arns)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy()
  }

  async #make(context: KeyContext): Promise<DataKey> {
    requireKnownPurpose(context)
    const command = new GenerateDataKeyCommand({
      KeyId: this.#keys.documents,
      KeySpec: 'AES_256',
      EncryptionContext: { ...context },
    })
    const {
      KeyId: arn,
      CiphertextBlob: blob,
      Plaintext,
    } = await this.#ask(options => this.#client.send(command, options)).catch(unavailable)
    const plaintextKey = ownKey(Plaintext)
    if (arn === undefined || blob === undefined) throw new VaultError('keys.unavailable')
    if (!this.#opening.has(arn)) this.#opening = new Set([...this.#opening, arn])
    const edk = { provider, info: new TextEncoder().encode(arn), blob: new Uint8Array(blob) }
    return { plaintextKey, edks: [edk], epoch: arn }
  }

  /** Where KMS could not be asked about one of them, it is not known that none opens. */
  async #openAny(edks: readonly EncryptedDataKey[], context: KeyContext): Promise<Uint8Array> {
    requireKnownPurpose(context)
    let refusal = new VaultError('keys.refused')
    for (const edk of edks) {
      const arn = await this.#keyOf(edk)
      if (arn === undefined) continue
      try {
        return await this.#open(arn, edk.blob, context)
      } catch (error) {
        if (!(error instanceof VaultError)) throw error
        if (refusal.code === 'keys.refused') refusal = error
      }
    }
    throw refusal
  }

  async #open(arn: string, blob: Uint8Array, context: KeyContext): Promise<Uint8Array> {
    const command = new DecryptCommand({ KeyId: arn, CiphertextBlob: blob, EncryptionContext: { ...context } })
    const { KeyId, Plaintext } = await this.#ask(options => this.#client.send(command, options))
    const key = ownKey(Plaintext)
    if (KeyId === arn) return key
    key.fill(0)
    throw new VaultError('keys.refused')
  }

  /** The ARN that a wrapped key names, if it may open here: the alias is looked at again, since it may have moved on. */
  async #keyOf({ provider: by, info, blob }: EncryptedDataKey): Promise<string | undefined> {
    if (by !== provider || blob.byteLength === 0 || blob.byteLength > maxBlobBytes) return undefined
    const arn = Buffer.from(info).toString('utf8')
    if (!Buffer.from(arn, 'utf8').equals(info)) return undefined
    if (!this.#opening.has(arn) && arn.startsWith('arn:')) await this.learnKeys()
    return this.#opening.has(arn) ? arn : undefined
  }

  async #requireInUse(): Promise<void> {
    const { KeyState } = await this.#factsOf(this.#keys.documents)
    if (KeyState !== 'Enabled') throw new VaultError('keys.unavailable')
  }

  async #arnOf(name: string): Promise<string> {
    return (await this.#factsOf(name)).Arn
  }

  async #factsOf(name: string) {
    const command = new DescribeKeyCommand({ KeyId: name })
    const { KeyMetadata } = await this.#ask(options => this.#client.send(command, options)).catch(unavailable)
    const { Arn, KeyState } = KeyMetadata ?? {}
    if (Arn === undefined) throw new VaultError('keys.unavailable')
    return { Arn, KeyState }
  }

  async #ask<Answer>(call: (options: { abortSignal: AbortSignal }) => Promise<Answer>): Promise<Answer> {
    try {
      return await askKms(call)
    } catch (error) {
      this.#readyUntilMs = 0
      throw error
    }
  }
}

/**
 * Opens the door's secret and looks up the keys.
 *
 * @throws {VaultError} config.invalid - the door file is refused; in words
 * @throws {VaultError} keys.unavailable - KMS does not answer, or not for these keys
 */
export async function openKmsKeyring(options: KmsKeyringOptions): Promise<KmsKeyring> {
  const client = newKmsClient(options)
  try {
    const { doorFile } = options
    const door = doorFile === undefined ? undefined : await openDoorFile(client, doorFile)
    const ring = new KmsKeyring(client, options, door)
    await ring.learnKeys()
    return ring
  } catch (error) {
    client.destroy()
    throw error
  }
}

/** Makes the door file; see kms-door.ts. */
export async function initDoorFile(place: KmsPlace, key: string, path: string): Promise<void> {
  const client = newKmsClient(place)
  try {
    await makeDoorFile(client, key, path)
  } finally {
    client.destroy()
  }
}

/** @throws {VaultError} keys.refused - a context that no key of this ring wraps */
function requireKnownPurpose(context: KeyContext): void {
  if (context['purpose'] !== 'document') throw new VaultError('keys.refused')
}

/** Where there is nothing to refuse, a refusal is a key that cannot be used. */
function unavailable(error: unknown): never {
  if (error instanceof VaultError && error.code !== 'keys.refused') throw error
  throw new VaultError('keys.unavailable', {}, error)
}
