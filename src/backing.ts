import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from './config.ts'
import { VaultError } from './domain/errors.ts'
import type { Finding } from './domain/finding.ts'
import type { TenantId } from './domain/ids.ts'
import type { Tenant } from './domain/tenant.ts'
import type { Clock } from './ports/clock.ts'
import type { Log } from './ports/log.ts'
import type { Ports } from './ports/ports.ts'

/** The technologies behind the ports, open. Dispose of it to close them, in the reverse of the order they were opened in. */
export interface Backing extends AsyncDisposable {
  readonly ports: Ports
  readonly tenants: ReadonlyMap<TenantId, Tenant>
  /** Loads what the first upload would wait for; a failure shows at that upload. */
  warm(): Promise<void>
}

export interface BackingOptions {
  /** The machine's own when absent. */
  readonly clock?: Clock
  /** Lines on standard error when absent. */
  readonly log?: Log
}

/**
 * Opens the embedded backing: one process for each data folder. The data folder's lock comes first; the key file comes before
 * the stores where neither is there yet, so that a start that fails on keys leaves an empty data folder behind.
 *
 * @throws {VaultError} config.invalid - the key file, its place or a tenant is refused; problems in words
 * @throws {VaultError} ledger.unavailable - another process holds the data folder, or a store cannot be opened
 */
export async function openBacking(config: Config, options: BackingOptions = {}): Promise<Backing> {
  await using stack = new AsyncDisposableStack()
  const loading = loadAdapters()
  const tenantsLoading = import('./adapters/file-tenants.ts').then(module => module.loadTenants(config.tenantsDir))
  // Both are met below; until then a failure of theirs must not count as unhandled.
  void Promise.allSettled([loading, tenantsLoading])
  stack.use(await holdFolder(config.dataDir))
  const adapters = await loading
  const keyring = () => adapters.openKeyfileKeyring(keyPlaceOf(config))
  const made = existsSync(join(config.keysDir, 'keyring.json')) ? undefined : await keyring()
  const opened = await Promise.allSettled([
    made ?? keyring(),
    openStore(() => adapters.openSqlite(config.dataDir)),
    openStore(() =>
      adapters.openFileBlobs({ folder: join(config.dataDir, 'blobs'), reserveBytes: config.diskReserveBytes }),
    ),
    tenantsLoading,
  ])
  const [ring, thread, blobs, tenants] = opened
  if (thread.status === 'fulfilled') stack.use(thread.value)
  if (blobs.status === 'fulfilled') stack.use(blobs.value)
  for (const one of opened) if (one.status === 'rejected') throw one.reason
  return bundle(
    adapters,
    fulfilled(ring),
    fulfilled(thread),
    fulfilled(blobs),
    fulfilled(tenants),
    config,
    options,
    stack,
  )
}

type Adapters = Awaited<ReturnType<typeof loadAdapters>>

function bundle(
  adapters: Adapters,
  keyring: Awaited<ReturnType<Adapters['openKeyfileKeyring']>>,
  thread: Awaited<ReturnType<Adapters['openSqlite']>>,
  blobs: Awaited<ReturnType<Adapters['openFileBlobs']>>,
  tenants: ReadonlyMap<TenantId, Tenant>,
  config: Config,
  options: BackingOptions,
  stack: AsyncDisposableStack,
): Backing {
  const ledger = new adapters.SqliteLedger(thread)
  const images = new adapters.SharpImages()
  const pdfs = stack.use(new adapters.ChildPdfs())
  const log = options.log ?? stack.use(new adapters.PinoLog(config.logLevel))
  const open = stack.move()
  return {
    ports: {
      ledger,
      batches: new adapters.SqliteTrailBatches(thread),
      wrappedKeys: new adapters.SqliteWrappedKeys(thread),
      budgets: new adapters.SqliteBudgets(thread),
      blobs,
      keyring,
      images,
      pdfs,
      sniffer: new adapters.FileTypeSniffer(),
      identity: new adapters.KeyIdentity({ ledger, keyring, tenants }),
      clock: options.clock ?? new adapters.SystemClock(),
      log,
    },
    tenants,
    warm: async () => {
      await Promise.allSettled([images.warm(), pdfs.warm()])
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

/** Loaded together: while one waits for the disk, another is compiled. */
async function loadAdapters() {
  const [keyfile, thread, ledger, batches, wrapped, budgets, files, images, pdfs, sniffer, identity, clock, log] =
    await Promise.all([
      import('./adapters/keyfile-keyring.ts'),
      import('./adapters/sqlite-thread.ts'),
      import('./adapters/sqlite-ledger.ts'),
      import('./adapters/sqlite-trail-batches.ts'),
      import('./adapters/sqlite-wrapped-keys.ts'),
      import('./adapters/sqlite-budgets.ts'),
      import('./adapters/file-blobs.ts'),
      import('./adapters/sharp-images.ts'),
      import('./adapters/child-pdfs.ts'),
      import('./adapters/file-type-sniffer.ts'),
      import('./adapters/key-identity.ts'),
      import('./adapters/system-clock.ts'),
      import('./adapters/pino-log.ts'),
    ])
  return {
    ...keyfile,
    ...thread,
    ...ledger,
    ...batches,
    ...wrapped,
    ...budgets,
    ...files,
    ...images,
    ...pdfs,
    ...sniffer,
    ...identity,
    ...clock,
    ...log,
  }
}

async function holdFolder(dataDir: string): Promise<AsyncDisposable> {
  const { holdWriterLock } = await import('./adapters/sqlite-writer-lock.ts')
  const lock = await openStore(() => holdWriterLock(dataDir))
  if (lock) return lock
  throw new VaultError('ledger.unavailable', { detail: heldByAnother })
}

const heldByAnother = 'another process of the vault holds the data folder'

/**
 * Looks at data folder and key folder from below the ports, before anything of them is opened; changes nothing.
 * @throws {VaultError} ledger.unavailable - a folder cannot be read
 */
export async function* inspectBacking({ dataDir, keysDir }: Config): AsyncGenerator<Finding, void> {
  const { inspectFolders } = await import('./adapters/embedded-inspection.ts')
  yield* inspectFolders({ dataDir, keysDir })
}

/** True for the failure of `openBacking` that means: a vault is running on this data folder. */
export function isHeldByAnother(error: unknown): boolean {
  return error instanceof VaultError && error.facts.detail === heldByAnother
}

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

function keyPlaceOf({ keysDir, dataDir, passphraseFile }: Config) {
  return { keysDir, dataDir, ...(passphraseFile === undefined ? {} : { passphraseFile }) }
}

function fulfilled<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason
  return result.value
}
