import { randomBytes } from 'node:crypto'
import { type BackingOptions, openBacking } from './backing.ts'
import type { Config } from './config.ts'
import { VaultError } from './domain/errors.ts'
import { processRoles } from './domain/process-role.ts'
import { Denials } from './guards/denials.ts'
import { gate } from './guards/gate.ts'
import { narrow } from './guards/narrow.ts'
import { findRestored, type RestoredPart } from './guards/restored.ts'
import { Trail } from './guards/trail.ts'
import type { TrailWriter, Vault } from './guards/vault.ts'
import type { Ports } from './ports/ports.ts'

/** A vault that verbs can be called on. Dispose of it to close everything below it. */
export interface OpenVault extends AsyncDisposable {
  /** Every effect of its ports is behind the gate, and those that no role of the process holds are not there. */
  readonly vault: Vault
  /** The same ports below the gate, for tests that damage what lies there. */
  readonly ports: Ports
  /** Stores that are older than what was destroyed: then nothing is appended, and `restore-check` has to be run. */
  readonly restored: readonly RestoredPart[]
  /** Loads what the first upload would wait for; a failure shows at that upload. */
  warm(): Promise<void>
}

export interface VaultOptions extends BackingOptions {
  /** For `restore-check` alone: the stores are not held against the list of the destroyed. */
  readonly mayBeRestored?: boolean
}

/** Every verb puts something on record before it acts, so with this nothing is decided, shown or changed. */
const refusing: TrailWriter = {
  append: async () => {
    throw new VaultError('vault.restored')
  },
}

/**
 * Opens the backing and puts the guards on top of it. Nothing listens and no job runs yet.
 *
 * @throws {VaultError} as `openBacking`
 */
export async function openVault(config: Config, options: VaultOptions = {}): Promise<OpenVault> {
  await using stack = new AsyncDisposableStack()
  const backing = stack.use(await openBacking(config, options))
  const { ports, tenants } = backing
  const { batches, clock, log } = ports
  const instance = randomBytes(6).toString('hex')
  const { roles = processRoles, mayBeRestored = false } = options
  const restored = roles.length === 0 || mayBeRestored ? [] : await findRestored(ports)
  // Closed first: what is under way is still answered by the stores below.
  const trail = stack.use(new Trail({ batches, clock, log, instance }))
  const vault: Vault = {
    ...gate(narrow(ports, roles)),
    trail: restored.length === 0 ? trail : refusing,
    tenants,
    denials: new Denials(),
    readBudgetPerHour: config.readBudgetPerHour,
    instance,
  }
  const open = stack.move()
  return { vault, ports, restored, warm: () => backing.warm(), [Symbol.asyncDispose]: () => open.disposeAsync() }
}
