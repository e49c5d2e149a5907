import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeFirstKeys } from '../../src/access/first-keys.ts'
import { openBacking } from '../../src/backing.ts'
import { readConfig } from '../../src/config.ts'
import { processRoles } from '../../src/domain/process-role.ts'
import type { Role } from '../../src/domain/role.ts'
import { Denials } from '../../src/guards/denials.ts'
import { gate } from '../../src/guards/gate.ts'
import { narrow } from '../../src/guards/narrow.ts'
import { Trail } from '../../src/guards/trail.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { type DoorOptions, type OpenDoor, openDoor } from '../../src/http/server.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Log, LogFields } from '../../src/ports/log.ts'
import type { Ports } from '../../src/ports/ports.ts'

export type TenantName = 'nomor-keluar' | 'omo7777' | 'jnetot'

export interface LogLine extends LogFields {
  readonly level: 'info' | 'warn' | 'error'
  readonly event: string
}

/** A whole embedded vault of its own, in this process and a folder that goes with it. */
export interface TestVault extends AsyncDisposable {
  readonly vault: Vault
  readonly door: OpenDoor
  /** Holds `data` and `keys`. */
  readonly folder: string
  /** What the operator's log would say. */
  readonly lines: readonly LogLine[]
  /** The first key of a tenant's role. */
  key(tenant: TenantName, role: Role): string
}

export interface TestVaultOptions extends Partial<DoorOptions> {
  readonly readBudgetPerHour?: number
  /** More of the environment. */
  readonly settings?: Readonly<Record<string, string>>
  /** The machine's own when absent. */
  readonly clock?: Clock
  /** Stands between the guards and the embedded adapters, to make one of them fail. */
  readonly wrapPorts?: (ports: Ports) => Ports
}

/** Opens a vault on real adapters and a door on a free port. */
export async function openVault(options: TestVaultOptions = {}): Promise<TestVault> {
  const { readBudgetPerHour, settings = {}, wrapPorts = same, clock, ...door } = options
  const folder = await mkdtemp(join(tmpdir(), 'vault-test-'))
  const lines: LogLine[] = []
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const config = readConfig({
    VAULT_DATA_DIR: join(folder, 'data'),
    VAULT_KEYS_DIR: join(folder, 'keys'),
    ...settings,
    ...(readBudgetPerHour === undefined ? {} : { VAULT_READ_BUDGET: String(readBudgetPerHour) }),
  })
  const backing = stack.use(await openBacking(config, { log: logInto(lines), ...(clock ? { clock } : {}) }))
  const ports = wrapPorts(backing.ports)
  const instance = 'test'
  const trail = stack.use(new Trail({ batches: ports.batches, clock: ports.clock, log: ports.log, instance }))
  const vault: Vault = {
    ...gate(narrow(ports, options.roles ?? processRoles)),
    trail,
    tenants: backing.tenants,
    denials: new Denials(),
    readBudgetPerHour: config.readBudgetPerHour,
    instance,
  }
  const keys = await makeFirstKeys(vault, async () => {})
  const opened = await openDoor(vault, {
    host: '127.0.0.1',
    port: 0,
    uploadBudgetBytes: config.uploadBudgetBytes,
    maxConnections: config.maxConnections,
    version: '0.0.0-test',
    ...door,
  })
  stack.defer(() => opened.stop())
  const open = stack.move()
  return {
    vault,
    door: opened,
    folder,
    lines,
    key: (tenant, role) => {
      const found = keys.find(key => key.tenant === tenant && key.role === role)
      if (!found) throw new Error(`${tenant} has no ${role}`)
      return found.key
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

const same = (ports: Ports): Ports => ports

function logInto(lines: LogLine[]): Log {
  const at =
    (level: LogLine['level']) =>
    (event: string, fields: LogFields = {}) => {
      lines.push({ level, event, ...fields })
    }
  return { info: at('info'), warn: at('warn'), error: at('error') }
}
