import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import { type KeyContext, serializeContext } from '../domain/key-context.ts'
import type { DataKey, Keyring } from '../ports/keyring.ts'
import type { EncryptedDataKey } from '../ports/wrapped-keys.ts'
import { type FileKey, KeyfileProblem, type KeyPurpose, newKeys, readKeyfile, writeKeyfile } from './keyfile-format.ts'
import {
  currentMark,
  type PrivateFile,
  readPrivateFile,
  requireEmptyData,
  requirePrivateFolder,
  writePrivateFile,
} from './keyfile-place.ts'

export interface KeyfilePlace {
  /** Holds `keyring.json`; outside of the data folder. */
  readonly keysDir: string
  readonly dataDir: string
  /** A file whose content, without its line end, is the passphrase. */
  readonly passphraseFile?: string
}

const provider = 'vault'
const ivBytes = 12
const tagBytes = 16
/** Which key wraps a context of which purpose. */
const wrappingPurposes: Readonly<Record<string, KeyPurpose>> = { document: 'docs', 'trail-day': 'trail-day' }

/**
 * Wrapping keys in a file (keyfile-format.ts). A data key is wrapped as the Raw AES keyring of the AWS Encryption SDK does:
 * provider `vault`, info = key id || uint32 128 || uint32 12 || IV, blob = AES-256-GCM ciphertext || tag, AAD = the
 * serialized context. No key is made and none is opened while the file it came from is gone or changed: what a vault wraps
 * under a key that only its memory knows is lost at its end.
 */
export class KeyfileKeyring implements Keyring {
  readonly #path: string
  readonly #bytes: Buffer
  readonly #keys: ReadonlyMap<string, FileKey>
  readonly #active: ReadonlyMap<KeyPurpose, FileKey>
  #mark: string

  /** Use `openKeyfileKeyring`. */
  constructor(path: string, file: PrivateFile, keys: readonly FileKey[]) {
    this.#path = path
    this.#bytes = file.bytes
    this.#mark = file.mark
    this.#keys = new Map(keys.map(key => [key.id, key]))
    this.#active = new Map(keys.filter(key => key.state === 'active').map(key => [key.purpose, key]))
  }

  async newDataKey(_by: Grant, context: KeyContext): Promise<DataKey> {
    await this.#requireFile()
    const key = this.#activeFor(purposeOf(context))
    const plaintextKey = randomBytes(32)
    return { plaintextKey, edks: [wrap(key, plaintextKey, context)], epoch: key.id }
  }

  async unwrap(_by: Grant, edks: readonly EncryptedDataKey[], context: KeyContext): Promise<Uint8Array> {
    await this.#requireFile()
    const purpose = purposeOf(context)
    for (const edk of edks) {
      const key = this.#keys.get(keyIdOf(edk) ?? '')
      if (!key || key.purpose !== purpose || key.state === 'destroyed') continue
      const dataKey = unwrapWith(key, edk, context)
      if (dataKey) return dataKey
    }
    throw new VaultError('keys.refused')
  }

  async mac(purpose: 'door' | 'blind-index', message: Uint8Array): Promise<Uint8Array> {
    if (purpose === 'blind-index' && message.byteLength > 4_096) throw new VaultError('keys.refused')
    return createHmac('sha256', this.#activeFor(purpose).material).update(message).digest()
  }

  async ready(): Promise<void> {
    await this.#requireFile()
    const context = { fmt: '1', purpose: 'document' }
    const key = this.#activeFor('docs')
    const edk = wrap(key, randomBytes(32), context)
    if (!unwrapWith(key, edk, context)) throw new VaultError('keys.unavailable')
  }

  #activeFor(purpose: KeyPurpose): FileKey {
    const key = this.#active.get(purpose)
    if (!key) throw new VaultError('keys.unavailable')
    return key
  }

  /** One look at the path; the file is read again only when it changed, and then must hold the same bytes. */
  async #requireFile(): Promise<void> {
    try {
      if (currentMark(this.#path) === this.#mark) return
      const file = await readPrivateFile(this.#path)
      if (!file?.bytes.equals(this.#bytes)) throw new KeyfileProblem('is gone or changed since the start')
      this.#mark = file.mark
    } catch (error) {
      throw new VaultError('keys.unavailable', {}, error)
    }
  }
}

/**
 * Opens the key file, or makes one where neither it nor any data is there yet.
 * @throws {VaultError} config.invalid - the file or its place is refused; each problem in words
 */
export async function openKeyfileKeyring(place: KeyfilePlace): Promise<KeyfileKeyring> {
  const path = join(place.keysDir, 'keyring.json')
  try {
    await requirePrivateFolder(place.keysDir, place.dataDir)
    const passphrase = place.passphraseFile === undefined ? undefined : await readPassphrase(place.passphraseFile)
    if (!currentMark(path)) {
      await requireEmptyData(place.dataDir)
      await writePrivateFile(path, await writeKeyfile(newKeys(new Date().toISOString()), 1, passphrase))
    }
    const file = await readPrivateFile(path)
    if (!file) throw new KeyfileProblem('is gone')
    return new KeyfileKeyring(path, file, await readKeyfile(file.bytes, passphrase))
  } catch (error) {
    throw new VaultError('config.invalid', { problems: [{ field: 'VAULT_KEYS_DIR', message: wordsFor(error) }] }, error)
  }
}

async function readPassphrase(path: string): Promise<Buffer> {
  const file = await readPrivateFile(path).catch(error => {
    throw error instanceof KeyfileProblem
      ? new KeyfileProblem(`needs a passphrase, whose file ${error.message}`)
      : error
  })
  if (!file) throw new KeyfileProblem('needs a passphrase, whose file is not there')
  const text = file.bytes.toString('utf8').replace(/\r?\n$/, '')
  if (text.length < 12) throw new KeyfileProblem('needs a passphrase of at least 12 characters')
  return Buffer.from(text.normalize('NFC'), 'utf8')
}

function wordsFor(error: unknown): string {
  if (error instanceof KeyfileProblem) return `the key file ${error.message}`
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
  return `the key file cannot be read or made (${code})`
}

/** @throws {VaultError} keys.refused - a context that no key of this ring wraps */
function purposeOf(context: KeyContext): KeyPurpose {
  const name = context['purpose'] ?? ''
  const purpose = Object.hasOwn(wrappingPurposes, name) ? wrappingPurposes[name] : undefined
  if (!purpose) throw new VaultError('keys.refused')
  return purpose
}

function infoOf(key: FileKey, iv: Buffer): Buffer {
  const lengths = Buffer.alloc(8)
  lengths.writeUInt32BE(tagBytes * 8, 0)
  lengths.writeUInt32BE(ivBytes, 4)
  return Buffer.concat([Buffer.from(key.id), lengths, iv])
}

/** The key id in an info field that has this ring's shape, or undefined. */
function keyIdOf({ provider: by, info }: EncryptedDataKey): string | undefined {
  const at = info.byteLength - ivBytes - 8
  if (by !== provider || at < 1) return undefined
  const view = new DataView(info.buffer, info.byteOffset, info.byteLength)
  if (view.getUint32(at) !== tagBytes * 8 || view.getUint32(at + 4) !== ivBytes) return undefined
  return Buffer.from(info.subarray(0, at)).toString('latin1')
}

function wrap(key: FileKey, dataKey: Uint8Array, context: KeyContext): EncryptedDataKey {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', key.material, iv, { authTagLength: tagBytes })
  cipher.setAAD(serializeContext(context))
  const blob = Buffer.concat([cipher.update(dataKey), cipher.final(), cipher.getAuthTag()])
  return { provider, info: infoOf(key, iv), blob }
}

function unwrapWith(key: FileKey, { info, blob }: EncryptedDataKey, context: KeyContext): Uint8Array | undefined {
  if (blob.byteLength !== 32 + tagBytes) return undefined
  const iv = info.subarray(info.byteLength - ivBytes)
  const decipher = createDecipheriv('aes-256-gcm', key.material, iv, { authTagLength: tagBytes })
  decipher.setAAD(serializeContext(context)).setAuthTag(blob.subarray(32))
  const opened = decipher.update(blob.subarray(0, 32))
  try {
    decipher.final()
    // A buffer of its own, since whoever asked wipes it: small buffers share Node's pool.
    return new Uint8Array(opened)
  } catch {
    // Not authentic under this key and context: another edk may be, and the caller refuses when none is.
    return undefined
  } finally {
    opened.fill(0)
  }
}
