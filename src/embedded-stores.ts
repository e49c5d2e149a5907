import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { EmbeddedConfig } from './config.ts'
import { VaultError } from './domain/errors.ts'
import type { Keyring } from './ports/keyring.ts'
import type { Stores } from './production-stores.ts'

/**
 * Opens data folder and key folder. The data folder's lock comes first; the key file comes before the stores where neither is
 * there yet, so that a start that fails on keys leaves an empty data folder behind. What has a thread of its own is begun
 * before the rest is loaded, since loading keeps this thread busy.
 *
 * @param stack closes what was opened, also when another part fails
 * @param beside what else the start needs, done while the folders are being opened
 * @throws {VaultError} config.invalid - the keys or their place; problems in words
 * @throws {VaultError} ledger.unavailable - another process holds the data folder, or a store cannot be opened
 */
export async function openEmbeddedStores<Beside>(
  config: EmbeddedConfig,
  stack: AsyncDisposableStack,
  beside: () => Promise<Beside>,
): Promise<readonly [Stores, Beside]> {
  const { requireWholeCopy } = await import('./adapters/embedded-backup-mark.ts')
  requireWholeCopy(config.dataDir)
  stack.use(await holdFolder(config.dataDir))
  const { startSqlite } = await import('./adapters/sqlite-thread.ts')
  const thread = stack.use(startSqlite())
  const made = existsSync(join(config.keysDir, 'keyring.json')) ? undefined : await openRing(config)
  const opening = Promise.allSettled([
    openStore(() => thread.open(config.dataDir)),
    made ?? openRing(config),
    openBlobs(config, stack),
  ])
  const [loaded, other] = await Promise.allSettled([loadAdapters(), beside()])
  const opened = await opening
  for (const one of [...opened, loaded, other]) if (one.status === 'rejected') throw one.reason
  const [, ring, blobs] = opened
  const [adapters, keyring] = [fulfilled(loaded), fulfilled(ring)]
  const stores = {
    ledger: new adapters.SqliteLedger(thread),
    batches: new adapters.SqliteTrailBatches(thread),
    wrappedKeys: new adapters.SqliteWrappedKeys(thread),
    budgets: new adapters.SqliteBudgets(thread),
    blobs: fulfilled(blobs),
    destroyed: stack.use(await openDestroyed(config, keyring)),
    keyring,
  }
  return [stores, fulfilled(other)]
}

async function loadAdapters() {
  const [ledger, batches, wrapped, budgets] = await Promise.all([
    import('./adapters/sqlite-ledger.ts'),
    import('./adapters/sqlite-trail-batches.ts'),
    import('./adapters/sqlite-wrapped-keys.ts'),
    import('./adapters/sqlite-budgets.ts'),
  ])
  return { ...ledger, ...batches, ...wrapped, ...budgets }
}

async function openRing({ keysDir, dataDir, passphraseFile }: EmbeddedConfig) {
  const { openKeyfileKeyring } = await import('./adapters/keyfile-keyring.ts')
  return openKeyfileKeyring({ keysDir, dataDir, ...(passphraseFile === undefined ? {} : { passphraseFile }) })
}

async function openBlobs({ dataDir, diskReserveBytes }: EmbeddedConfig, stack: AsyncDisposableStack) {
  const { openFileBlobs } = await import('./adapters/file-blobs.ts')
  return stack.use(
    await openStore(() => openFileBlobs({ folder: join(dataDir, 'blobs'), reserveBytes: diskReserveBytes })),
  )
}

/** In the key folder, and under its door key: whoever may not open papers cannot shorten the list unseen. */
async function openDestroyed({ keysDir: folder }: EmbeddedConfig, keyring: Keyring) {
  const { openKeyfileDestroyed } = await import('./adapters/keyfile-destroyed.ts')
  return openKeyfileDestroyed({ folder, mac: message => keyring.mac('door', message) })
}

async function holdFolder(dataDir: string): Promise<AsyncDisposable> {
  const { holdWriterLock } = await import('./adapters/sqlite-writer-lock.ts')
  const lock = await openStore(() => holdWriterLock(dataDir))
  if (lock) return lock
  throw new VaultError('ledger.unavailable', { detail: heldByAnother })
}

/** The detail of the refusal to open a data folder twice. */
export const heldByAnother = 'another process of the vault holds the data folder'

async function openStore<T>(open: () => Promise<T>): Promise<T> {
  try {
    return await open()
  } catch (error) {
    if (error instanceof VaultError) throw error
    throw new VaultError(
      'ledger.unavailable',
      { detail: `a store of the data folder cannot be opened${codeIn(error)}` },
      error,
    )
  }
}

function codeIn(error: unknown): string {
  return error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
}

function fulfilled<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason
  return result.value
}
