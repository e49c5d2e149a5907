import { createHmac, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { TenantId } from '../domain/ids.ts'
import type { KeyContext } from '../domain/key-context.ts'
import type { DataKey, KeyEpochs, Keyring, RewrappedKey } from '../ports/keyring.ts'
import type { EncryptedDataKey } from '../ports/wrapped-keys.ts'
import {
  type FileKey,
  type Keyfile,
  KeyfileProblem,
  type KeyPurpose,
  newKeys,
  readKeyfile,
  writeKeyfile,
} from './keyfile-format.ts'
import { requireSuccessor, withNewDocsKey, withState } from './keyfile-generations.ts'
import {
  currentMark,
  type PrivateFile,
  readPrivateFile,
  removeLeftovers,
  replacePrivateFile,
  requireEmptyData,
  requirePrivateFolder,
  writePrivateFile,
} from './keyfile-place.ts'
import { keyIdOf, unwrapWith, wrapWith } from './keyfile-wrapping.ts'

export interface KeyfilePlace {
  /** Holds `keyring.json`; outside of the data folder. */
  readonly keysDir: string
  readonly dataDir: string
  /** A file whose content, without its line end, is the passphrase. */
  readonly passphraseFile?: string
}

/** Which key wraps a context of which purpose. */
const wrappingPurposes: Readonly<Record<string, KeyPurpose>> = { document: 'docs', 'trail-day': 'trail-day' }

/** The file as it was read last. */
interface Generation extends Keyfile {
  readonly file: PrivateFile
}

/**
 * Wrapping keys in a file (keyfile-format.ts); keyfile-wrapping.ts says how they wrap. No key is made and none is opened while the
 * file they came from is gone or changed: what a vault wraps under a key that only its memory knows is lost at its end. A file
 * that another process moved on (keyfile-generations.ts) is followed.
 */
export class KeyfileKeyring implements Keyring {
  readonly ownsEpochs = true
  readonly #path: string
  readonly #passphraseFile: string | undefined
  #now: Generation
  #following: Promise<Generation> | undefined
  /** Changes of the file, one after the other. */
  #changing: Promise<unknown> = Promise.resolve()

  /** Use `openKeyfileKeyring`. */
  constructor(path: string, now: Generation, passphraseFile: string | undefined) {
    this.#path = path
    this.#now = now
    this.#passphraseFile = passphraseFile
  }

  async newDataKey(_by: Grant, context: KeyContext): Promise<DataKey> {
    const key = activeOf(await this.#current(), purposeOf(context))
    const plaintextKey = randomBytes(32)
    return { plaintextKey, edks: [wrapWith(key, plaintextKey, context)], epoch: key.id }
  }

  async unwrap(_by: Grant, edks: readonly EncryptedDataKey[], context: KeyContext): Promise<Uint8Array> {
    return this.#open(await this.#current(), edks, context)
  }

  async rewrap(
    _by: Grant,
    edks: readonly EncryptedDataKey[],
    context: KeyContext,
    toEpoch?: string,
  ): Promise<RewrappedKey> {
    const now = await this.#current()
    const key = activeOf(now, purposeOf(context))
    if (toEpoch !== undefined && toEpoch !== key.id) throw new VaultError('keys.refused')
    const dataKey = this.#open(now, edks, context)
    try {
      return { edks: [wrapWith(key, dataKey, context)], epoch: key.id }
    } finally {
      dataKey.fill(0)
    }
  }

  async epochs(_tenant: TenantId): Promise<KeyEpochs> {
    const now = await this.#current()
    const former = now.keys.filter(key => key.purpose === 'docs' && hasStepped(key))
    return { active: activeOf(now, 'docs').id, former: former.map(({ id }) => id) }
  }

  beginEpoch(_by: Grant, _tenant: TenantId): Promise<{ readonly from: string; readonly to: string }> {
    return this.#change(async now => {
      const from = activeOf(now, 'docs').id
      const next = withNewDocsKey(now, new Date().toISOString())
      await this.#write(next, writePrivateFile)
      return { from, to: next.made.id }
    })
  }

  disableEpoch(_by: Grant, epoch: string): Promise<void> {
    return this.#change(async now => {
      const key = docsKeyOf(now, epoch)
      if (key.state === 'active') throw new VaultError('keys.refused')
      if (key.state === 'decrypt') await this.#write(withState(now, epoch, 'disabled'), writePrivateFile)
    })
  }

  /** At once: the material is gone from the file, from what lay in its place, and from this process. */
  async endEpoch(_by: Grant, epoch: string): Promise<undefined> {
    await this.#change(async now => {
      const key = docsKeyOf(now, epoch)
      if (key.state === 'destroyed') return
      if (key.state !== 'disabled') throw new VaultError('keys.refused')
      await this.#write(withState(now, epoch, 'destroyed'), replacePrivateFile)
    })
    return undefined
  }

  async mac(purpose: 'door' | 'blind-index', message: Uint8Array): Promise<Uint8Array> {
    if (purpose === 'blind-index' && message.byteLength > 4_096) throw new VaultError('keys.refused')
    return createHmac('sha256', activeOf(this.#now, purpose).material).update(message).digest()
  }

  async ready(): Promise<void> {
    const context = { fmt: '1', purpose: 'document' }
    const key = activeOf(await this.#current(), 'docs')
    const edk = wrapWith(key, randomBytes(32), context)
    if (!unwrapWith(key, edk, context)) throw new VaultError('keys.unavailable')
  }

  #open(now: Generation, edks: readonly EncryptedDataKey[], context: KeyContext): Uint8Array {
    const purpose = purposeOf(context)
    let isDisabled = false
    for (const edk of edks) {
      const id = keyIdOf(edk)
      const key = now.keys.find(one => one.id === id)
      if (!key || key.purpose !== purpose || key.state === 'destroyed') continue
      isDisabled ||= key.state === 'disabled'
      const dataKey = key.state === 'disabled' ? undefined : unwrapWith(key, edk, context)
      if (dataKey) return dataKey
    }
    throw new VaultError(isDisabled ? 'keys.unavailable' : 'keys.refused')
  }

  /** One look at the path; the file is read again only when it changed. */
  async #current(): Promise<Generation> {
    try {
      if (currentMark(this.#path) === this.#now.file.mark) return this.#now
      this.#following ??= this.#follow().finally(() => {
        this.#following = undefined
      })
      return await this.#following
    } catch (error) {
      throw new VaultError('keys.unavailable', {}, error)
    }
  }

  /** Goes on with the same bytes under a new mark, or with a file that follows from the one before. */
  async #follow(): Promise<Generation> {
    const file = await readPrivateFile(this.#path)
    if (!file) throw new KeyfileProblem('is gone')
    const before = this.#now
    const next = file.bytes.equals(before.file.bytes) ? before : await this.#readNext(file, before)
    this.#take({ ...next, file })
    return this.#now
  }

  async #readNext({ bytes }: PrivateFile, before: Generation): Promise<Keyfile> {
    const passphrase = this.#passphraseFile === undefined ? undefined : await readPassphrase(this.#passphraseFile)
    const next = await readKeyfile(bytes, passphrase)
    requireSuccessor(before, next)
    return next
  }

  #take(next: Generation): void {
    const kept = new Set(next.keys.filter(({ state }) => state !== 'destroyed').map(({ id }) => id))
    for (const { id, material } of this.#now.keys) if (!kept.has(id)) material.fill(0)
    this.#now = next
  }

  #change<Result>(change: (now: Generation) => Promise<Result>): Promise<Result> {
    const changed = this.#changing.then(async () => change(await this.#current()))
    this.#changing = changed.catch(() => undefined)
    return changed
  }

  async #write(next: Keyfile, write: (path: string, bytes: Buffer) => Promise<void>): Promise<void> {
    try {
      const passphrase = this.#passphraseFile === undefined ? undefined : await readPassphrase(this.#passphraseFile)
      const bytes = await writeKeyfile(next, passphrase)
      if (currentMark(this.#path) !== this.#now.file.mark) throw new KeyfileProblem('was changed by another process')
      await write(this.#path, bytes)
      const file = await readPrivateFile(this.#path)
      if (!file?.bytes.equals(bytes)) throw new KeyfileProblem('is not what was written')
      this.#take({ ...next, file })
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
      const first = { gen: 1, keys: newKeys(new Date().toISOString()) }
      await writePrivateFile(path, await writeKeyfile(first, passphrase))
    }
    await removeLeftovers(path)
    const file = await readPrivateFile(path)
    if (!file) throw new KeyfileProblem('is gone')
    const now = { ...(await readKeyfile(file.bytes, passphrase)), file }
    return new KeyfileKeyring(path, now, place.passphraseFile)
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

/** Of keys that wrap, one is active: the file is refused otherwise. */
function activeOf({ keys }: Keyfile, purpose: KeyPurpose): FileKey {
  const key = keys.find(one => one.purpose === purpose && one.state === 'active')
  if (!key) throw new VaultError('keys.unavailable')
  return key
}

const hasStepped = ({ state }: FileKey): boolean => state === 'decrypt' || state === 'disabled'

function docsKeyOf({ keys }: Keyfile, id: string): FileKey {
  const key = keys.find(one => one.id === id && one.purpose === 'docs')
  if (!key) throw new VaultError('keys.refused')
  return key
}
