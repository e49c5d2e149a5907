import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBacking } from '../../src/backing.ts'
import type { Config, EmbeddedConfig } from '../../src/config.ts'
import { Denials } from '../../src/guards/denials.ts'
import { gate } from '../../src/guards/gate.ts'
import { Trail } from '../../src/guards/trail.ts'
import type { Vault } from '../../src/guards/vault.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Log } from '../../src/ports/log.ts'
import type { Ports } from '../../src/ports/ports.ts'
import { embeddedConfig } from './embedded-config.ts'

/** A place for an embedded vault that is opened, closed, killed and opened again. */
export interface VaultFolder extends AsyncDisposable {
  readonly folder: string
  readonly config: EmbeddedConfig
}

export async function newVaultFolder(): Promise<VaultFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'vault-fault-'))
  return { folder, config: configIn(folder), [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}

export function configIn(folder: string): EmbeddedConfig {
  return embeddedConfig(environmentIn(folder))
}

/** The same settings for a process. */
export function environmentIn(folder: string): Readonly<Record<string, string>> {
  return {
    VAULT_DATA_DIR: join(folder, 'data'),
    VAULT_KEYS_DIR: join(folder, 'keys'),
    VAULT_DISK_RESERVE_BYTES: '0',
    VAULT_READ_BUDGET: '1000000',
  }
}

export interface WrappedVault extends AsyncDisposable {
  readonly vault: Vault
  /** Below the gate and the wrapper. */
  readonly ports: Ports
}

const silent: Log = { info: () => undefined, warn: () => undefined, error: () => undefined }

export interface WrapOptions {
  readonly clock?: Clock
  readonly wrap?: (ports: Ports) => Ports
  readonly log?: Log
  /** Whose leases are its own. */
  readonly instance?: string
}

/** The vault of the settings on its real adapters, with a clock of the test's and a wrapper below the guards. */
export async function openWrapped(config: Config, options: WrapOptions = {}): Promise<WrappedVault> {
  await using stack = new AsyncDisposableStack()
  const log = options.log ?? silent
  const backing = stack.use(await openBacking(config, { log, ...(options.clock ? { clock: options.clock } : {}) }))
  const ports = options.wrap ? options.wrap(backing.ports) : backing.ports
  const { batches, clock } = ports
  const { instance = 'test' } = options
  const trail = stack.use(new Trail({ batches, clock, log, instance }))
  const vault: Vault = {
    ...gate(ports),
    trail,
    tenants: backing.tenants,
    denials: new Denials(),
    readBudgetPerHour: config.readBudgetPerHour,
    instance,
  }
  const open = stack.move()
  return { vault, ports: backing.ports, [Symbol.asyncDispose]: () => open.disposeAsync() }
}
