import type { BackupFacts, BackupProgress } from './adapters/embedded-backup.ts'
import type { Config, EmbeddedConfig, ProductionConfig } from './config.ts'
import { VaultError } from './domain/errors.ts'
import type { Finding } from './domain/finding.ts'
import type { TenantId } from './domain/ids.ts'
import { type ProcessRole, processRoles } from './domain/process-role.ts'
import type { Tenant } from './domain/tenant.ts'
import { heldByAnother, openEmbeddedStores } from './embedded-stores.ts'
import type { Clock } from './ports/clock.ts'
import type { Identity } from './ports/identity.ts'
import type { Log } from './ports/log.ts'
import type { Ports } from './ports/ports.ts'
import type { InitedKeys, InitWish } from './production-keys.ts'
import type { Stores } from './production-stores.ts'
import { loadTenants, requirePromises } from './settings-check.ts'

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
  /** What the process is for; everything when absent, only reading when none. What none of them needs is not opened. */
  readonly roles?: readonly ProcessRole[]
}

/**
 * Opens the technologies that the settings name, and loads no other.
 *
 * @throws {VaultError} config.invalid - keys, their place, a tenant, an issuer, the form of a database, or a data folder that
 *   was made of half a backup is refused; problems in words
 * @throws {VaultError} ledger.unavailable, keys.unavailable, blobs.unavailable - another process holds the data folder, or a
 *   store cannot be opened
 */
export async function openBacking(config: Config, options: BackingOptions = {}): Promise<Backing> {
  return config.backing === 'embedded' ? openEmbedded(config, options) : openProduction(config, options)
}

/** One process for each data folder. */
async function openEmbedded(config: EmbeddedConfig, options: BackingOptions): Promise<Backing> {
  await using stack = new AsyncDisposableStack()
  const beside = () => Promise.all([loadCommon(), loadTenants(config)])
  const [stores, [common, tenants]] = await openEmbeddedStores(config, stack, beside)
  return await bundle(common, stores, tenants, config, options, stack)
}

/** Any number of processes, on this machine and others, share what lies behind it. */
async function openProduction(config: ProductionConfig, options: BackingOptions): Promise<Backing> {
  await using stack = new AsyncDisposableStack()
  const commonLoading = Promise.all([loadCommon(), loadTenants(config)])
  void Promise.allSettled([commonLoading])
  const { roles = processRoles } = options
  // A command that only reads is for when other things do not work.
  const [{ openProductionStores }] = await Promise.all([
    import('./production-stores.ts'),
    roles.length > 0 ? requirePromises(config, roles) : undefined,
  ])
  const stores = await openProductionStores(config, stack, roles)
  const [common, tenants] = await commonLoading
  return await bundle(common, stores, tenants, config, options, stack)
}

type Common = Awaited<ReturnType<typeof loadCommon>>

async function bundle(
  adapters: Common,
  stores: Stores,
  tenants: ReadonlyMap<TenantId, Tenant>,
  config: Config,
  options: BackingOptions,
  stack: AsyncDisposableStack,
): Promise<Backing> {
  const { ledger, keyring } = stores
  const images = new adapters.SharpImages()
  const pdfs = stack.use(new adapters.ChildPdfs())
  const log = options.log ?? stack.use(new adapters.PinoLog(config.logLevel))
  const clock = options.clock ?? new adapters.SystemClock()
  const keys = new adapters.KeyIdentity({ ledger, keyring, tenants })
  const { roles = processRoles } = options
  const knowsCallers = roles.includes('intake') || roles.includes('access')
  const tokens = { ledger, clock, log }
  const identity = knowsCallers ? await besideTokens(keys, config, tokens, tenants, stack) : keys
  const open = stack.move()
  return {
    ports: {
      ...stores,
      images,
      pdfs,
      sniffer: new adapters.FileTypeSniffer(),
      identity,
      clock,
      log,
    },
    tenants,
    warm: async () => {
      if (roles.includes('intake')) await Promise.allSettled([images.warm(), pdfs.warm()])
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

/** Tokens count beside API keys where the operator named their issuers; nothing of it is loaded otherwise. */
async function besideTokens(
  keys: Identity,
  { oidcFile }: Config,
  ports: Pick<Ports, 'ledger' | 'clock' | 'log'>,
  tenants: ReadonlyMap<TenantId, Tenant>,
  stack: AsyncDisposableStack,
): Promise<Identity> {
  if (oidcFile === undefined) return keys
  const [{ loadOidcIssuers }, { OidcIdentity }, { OidcBesideKeys }] = await Promise.all([
    import('./adapters/oidc-file.ts'),
    import('./adapters/oidc-identity.ts'),
    import('./adapters/oidc-beside-keys.ts'),
  ])
  const issuers = await loadOidcIssuers(oidcFile, tenants)
  return new OidcBesideKeys(keys, stack.use(new OidcIdentity({ issuers, ...ports })))
}

async function loadCommon() {
  const [images, pdfs, sniffer, identity, clock, log] = await Promise.all([
    import('./adapters/sharp-images.ts'),
    import('./adapters/child-pdfs.ts'),
    import('./adapters/file-type-sniffer.ts'),
    import('./adapters/key-identity.ts'),
    import('./adapters/system-clock.ts'),
    import('./adapters/pino-log.ts'),
  ])
  return { ...images, ...pdfs, ...sniffer, ...identity, ...clock, ...log }
}

/**
 * Looks at data folder and key folder from below the ports, before anything of them is opened; changes nothing. Production
 * has none.
 * @throws {VaultError} ledger.unavailable - a folder cannot be read
 */
export async function* inspectBacking(config: Config): AsyncGenerator<Finding, void> {
  if (config.backing === 'production') return
  const { dataDir, keysDir } = config
  const { inspectFolders } = await import('./adapters/embedded-inspection.ts')
  yield* inspectFolders({ dataDir, keysDir })
}

/**
 * Copies an embedded vault, running or not.
 * @throws {VaultError} config.invalid - production, whose stores have backups of their own; or the target is not empty
 * @throws {VaultError} ledger.unavailable, storage.full - as `backUpFolders`
 */
export async function backUpBacking(config: Config, to: string, onProgress: BackupProgress): Promise<BackupFacts> {
  if (config.backing === 'production') {
    const message = 'is production, whose stores are backed up by their own means: infra/runbooks/backup-and-restore.md'
    throw new VaultError('config.invalid', { problems: [{ field: 'VAULT_BACKING', message }] })
  }
  const { dataDir, keysDir } = config
  const { backUpFolders } = await import('./adapters/embedded-backup.ts')
  return backUpFolders({ dataDir, keysDir, to }, onProgress)
}

/**
 * Prepares what the settings name and production cannot make at its start; repeating it changes nothing.
 * @throws {VaultError} config.invalid - the embedded backing, which prepares itself
 * @throws {VaultError} as `openBacking`
 */
export async function migrateBacking(config: Config) {
  const { migrateProductionStores } = await import('./production-stores.ts')
  return migrateProductionStores(requireProduction(config))
}

/**
 * Makes or adopts the keys of production and the file of the door's secret, and tells the rights that each process needs.
 * @throws {VaultError} config.invalid - the embedded backing, or a key or file that does not fit; in words
 */
export async function initBackingKeys(config: Config, wish: InitWish): Promise<InitedKeys> {
  const { initProductionKeys } = await import('./production-keys.ts')
  return initProductionKeys(requireProduction(config), wish)
}

function requireProduction(config: Config): ProductionConfig {
  if (config.backing === 'production') return config
  const message = 'is embedded, which prepares itself at its start; this is for production'
  throw new VaultError('config.invalid', { problems: [{ field: 'VAULT_BACKING', message }] })
}

/** True for the failure of `openBacking` that means: a vault is running on this data folder. */
export function isHeldByAnother(error: unknown): boolean {
  return error instanceof VaultError && error.facts.detail === heldByAnother
}
