import { createHmac, type KeyObject } from 'node:crypto'
import type { KMSClient } from '@aws-sdk/client-kms'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { TenantId } from '../domain/ids.ts'
import type { KeyContext } from '../domain/key-context.ts'
import type { DataKey, KeyEpochs, Keyring, RewrappedKey } from '../ports/keyring.ts'
import type { EncryptedDataKey } from '../ports/wrapped-keys.ts'
import { decryptKey, factsOfKey, generateKey, generateMac, reEncryptKey } from './kms-calls.ts'
import { type KmsPlace, newKmsClient } from './kms-client.ts'
import { openDoorFile } from './kms-door.ts'
import { arnNamedBy, kmsEdk } from './kms-edk.ts'
import { beginKmsEpoch, disableKmsKey, scheduleKmsEnd } from './kms-epochs.ts'
import { KmsKeySet, type KmsKeys } from './kms-key-set.ts'

export interface KmsKeyringOptions extends KmsPlace {
  readonly keys: KmsKeys
  /** See kms-door.ts. A ring without it knows no caller. */
  readonly doorFile?: string
  /** What it may do with the documents' keys; everything when absent. `ready` asks for nothing else. */
  readonly may?: readonly ('make' | 'open' | 'rewrap')[]
  /** How long KMS waits before a key whose end was ordered is gone, 7 to 30 days; 7 when absent. */
  readonly deletionDays?: number
}

const maxMacBytes = 4_096
/** How long a data key that was made and opened speaks for the next one: an outage shows in `/readyz` within 3 s. */
const readyForMs = 1_000
const probe: KeyContext = { fmt: '1', purpose: 'document' }

/**
 * Wrapping keys that never leave KMS. A data key is wrapped as the KMS keyring of the AWS Encryption SDK does: see
 * kms-edk.ts; the epoch is the key's ARN. Only keys that this ring was
 * given open anything: a wrapped key that names another is refused before KMS is asked.
 *
 * Rights: `DescribeKey` on the documents' keys, `GenerateDataKey` to make, `Decrypt` to open, `ReEncryptFrom` the former and
 * `ReEncryptTo` the active one to rewrap; `GenerateMac` on the blind index's to make; `Decrypt` on the door's. Epochs are begun
 * and ended by an operator's process, whose rights those are.
 */
export class KmsKeyring implements Keyring, AsyncDisposable {
  readonly ownsEpochs = false
  readonly #client: KMSClient
  readonly #keys: KmsKeys
  readonly #door: KeyObject | undefined
  readonly #may: readonly ('make' | 'open' | 'rewrap')[]
  readonly #known: KmsKeySet
  readonly #deletionDays: number
  #readyUntilMs = 0

  /** Use `openKmsKeyring`. */
  constructor(client: KMSClient, { keys, may, deletionDays }: KmsKeyringOptions, door: KeyObject | undefined) {
    this.#client = client
    this.#keys = keys
    this.#known = new KmsKeySet(keys, async name => (await this.#factsOf(name)).Arn)
    this.#deletionDays = deletionDays ?? 7
    this.#may = may ?? ['make', 'open']
    this.#door = door
  }

  async newDataKey(_by: Grant, context: KeyContext): Promise<DataKey> {
    return this.#make(context)
  }

  async unwrap(_by: Grant, edks: readonly EncryptedDataKey[], context: KeyContext): Promise<Uint8Array> {
    return this.#openAny(edks, context)
  }

  /** KMS opens and wraps within itself; the destination is named exactly, since a free one would be as good as opening. */
  async rewrap(
    _by: Grant,
    edks: readonly EncryptedDataKey[],
    context: KeyContext,
    toEpoch?: string,
  ): Promise<RewrappedKey> {
    const tenant = context['tenant']
    const { active } = toEpoch === this.#known.epochs(tenant).active ? { active: toEpoch } : await this.#learn(tenant)
    if (toEpoch !== undefined && toEpoch !== active) throw new VaultError('keys.refused')
    return this.#withAny(edks, context, async (arn, blob) => {
      const wrapped = await this.#ask(reEncryptKey(this.#client, { from: arn, to: active, blob, context }))
      return { edks: [kmsEdk(active, wrapped)], epoch: active }
    })
  }

  epochs(tenant: TenantId): Promise<KeyEpochs> {
    return this.#learn(tenant)
  }

  async beginEpoch(_by: Grant, tenant: TenantId): Promise<{ readonly from: string; readonly to: string }> {
    const flipped = await beginKmsEpoch(this.#client, this.#known.nameFor(tenant))
    this.#known.note(tenant, flipped.from)
    this.#known.note(tenant, flipped.to)
    return flipped
  }

  async disableEpoch(_by: Grant, epoch: string): Promise<void> {
    await this.#requireFormer(epoch)
    await disableKmsKey(this.#client, epoch)
  }

  async endEpoch(_by: Grant, epoch: string): Promise<number> {
    await this.#requireFormer(epoch)
    return scheduleKmsEnd(this.#client, epoch, this.#deletionDays)
  }

  async mac(purpose: 'door' | 'blind-index', message: Uint8Array): Promise<Uint8Array> {
    if (purpose === 'door') {
      if (!this.#door) throw new VaultError('keys.unavailable')
      return createHmac('sha256', this.#door).update(message).digest()
    }
    if (message.byteLength > maxMacBytes) throw new VaultError('keys.refused')
    return this.#ask(generateMac(this.#client, this.#keys.blindIndex, message)).catch(unavailable)
  }

  /**
   * Makes a data key and opens it, or what of the two it may, or trusts one that was a moment ago; any failure since then
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
    await this.#known.learn()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy()
  }

  async #make(context: KeyContext): Promise<DataKey> {
    requireKnownPurpose(context)
    const name = this.#known.nameFor(context['tenant'])
    const { arn, blob, plaintextKey } = await this.#ask(generateKey(this.#client, name, context)).catch(unavailable)
    this.#known.note(context['tenant'], arn)
    return { plaintextKey, edks: [kmsEdk(arn, blob)], epoch: arn }
  }

  #openAny(edks: readonly EncryptedDataKey[], context: KeyContext): Promise<Uint8Array> {
    return this.#withAny(edks, context, (arn, blob) => this.#ask(decryptKey(this.#client, arn, blob, context)))
  }

  /** Where KMS could not be asked about one of them, it is not known that none opens. */
  async #withAny<Result>(
    edks: readonly EncryptedDataKey[],
    context: KeyContext,
    use: (arn: string, blob: Uint8Array) => Promise<Result>,
  ): Promise<Result> {
    requireKnownPurpose(context)
    let refusal = new VaultError('keys.refused')
    for (const edk of edks) {
      const arn = await this.#keyOf(edk, context['tenant'])
      if (arn === undefined) continue
      try {
        return await use(arn, edk.blob)
      } catch (error) {
        if (!(error instanceof VaultError)) throw error
        if (refusal.code === 'keys.refused') refusal = error
      }
    }
    throw refusal
  }

  /** The ARN that a wrapped key names, if it may open here: aliases are looked at again, since they may have moved on. */
  async #keyOf(edk: EncryptedDataKey, tenant: string | undefined): Promise<string | undefined> {
    const arn = arnNamedBy(edk)
    if (arn === undefined) return undefined
    if (!this.#known.opens(arn, tenant)) await this.learnKeys()
    return this.#known.opens(arn, tenant) ? arn : undefined
  }

  async #requireInUse(): Promise<void> {
    const { KeyState } = await this.#factsOf(this.#keys.documents).catch(unavailable)
    if (KeyState !== 'Enabled') throw new VaultError('keys.unavailable')
  }

  async #learn(tenant: string | undefined): Promise<KeyEpochs> {
    await this.learnKeys()
    return this.#known.epochs(tenant)
  }

  async #requireFormer(epoch: string): Promise<void> {
    await this.learnKeys()
    if (!this.#known.isFormer(epoch)) throw new VaultError('keys.refused')
  }

  #factsOf(name: string) {
    return this.#ask(factsOfKey(this.#client, name))
  }

  /** Any failure ends the trust in what was ready a moment ago. */
  async #ask<Answer>(asked: Promise<Answer>): Promise<Answer> {
    try {
      return await asked
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

/** @throws {VaultError} keys.refused - a context that no key of this ring wraps */
function requireKnownPurpose(context: KeyContext): void {
  if (context['purpose'] !== 'document') throw new VaultError('keys.refused')
}

/** Where there is nothing to refuse, a refusal is a key that cannot be used. */
function unavailable(error: unknown): never {
  if (error instanceof VaultError && error.code !== 'keys.refused') throw error
  throw new VaultError('keys.unavailable', {}, error)
}
