import { join, resolve } from 'node:path'
import { z } from 'zod'
import { VaultError } from './domain/errors.ts'

/** What an operator may set, and nothing else: the rest of the program sees this, never the environment. */
export interface Config {
  readonly dataDir: string
  readonly keysDir: string
  readonly tenantsDir: string
  readonly host: string
  /** 0 takes any free port; the one taken is printed. */
  readonly port: number
  /** Loopback listener of `/metrics`; undefined is none, 0 any free port. */
  readonly metricsPort: number | undefined
  /** Names a file; its content is read where it is used and never kept here. */
  readonly passphraseFile: string | undefined
  readonly readBudgetPerHour: number
  readonly uploadBudgetBytes: number
  readonly maxConnections: number
  readonly diskReserveBytes: number
  readonly logLevel: 'info' | 'warn' | 'error' | 'silent'
}

const MiB = 1024 * 1024

const text = z.string().min(1)
const whole = (least: number, most: number, otherwise: number) =>
  z
    .string()
    .regex(/^[0-9]{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(least).max(most))
    .default(otherwise)
const port = z
  .string()
  .regex(/^[0-9]{1,5}$/, 'must be a port, 0 to 65535')
  .transform(Number)
  .pipe(z.number().max(65_535))

/** Name, rule, default and purpose of every variable: `help` and infra/README.md say the same. */
const variables = {
  VAULT_DATA_DIR: text
    .default('./vault-data')
    .meta({ description: 'folder of rows, trail, wrapped keys and sealed papers' }),
  VAULT_KEYS_DIR: text.optional().meta({ description: 'folder of the key file, outside of the data folder' }),
  VAULT_TENANTS_DIR: text.optional().meta({ description: 'folder of the tenants’ policies' }),
  VAULT_HOST: text.default('127.0.0.1').meta({ description: 'address to listen on' }),
  VAULT_PORT: port.default(8080).meta({ description: 'port to listen on; 0 takes a free one' }),
  VAULT_METRICS_PORT: z
    .union([z.literal('off'), port])
    .default('off')
    .meta({ description: 'port of /metrics on 127.0.0.1; 0 takes a free one, off is none' }),
  VAULT_KEYRING_PASSPHRASE_FILE: text
    .optional()
    .meta({ description: 'file that holds the passphrase of the key file' }),
  VAULT_READ_BUDGET: whole(1, 1_000_000, 600).meta({ description: 'papers one caller may open in an hour' }),
  VAULT_UPLOAD_BUDGET_BYTES: whole(32 * MiB, 64 * 1024 * MiB, 128 * MiB).meta({
    description: 'memory that uploads under way may take together',
  }),
  VAULT_MAX_CONNECTIONS: whole(1, 100_000, 4_096).meta({ description: 'connections that are open at once' }),
  VAULT_DISK_RESERVE_BYTES: whole(0, 2 ** 50 - 1, 256 * MiB).meta({
    description: 'free room below which uploads are refused',
  }),
  VAULT_LOG_LEVEL: z
    .enum(['info', 'warn', 'error', 'silent'])
    .default('info')
    .meta({ description: 'least level logged' }),
} as const

export type VariableName = keyof typeof variables
const schema = z.object(variables)
const names = new Set(Object.keys(variables))

/** The project's own folder: where `infra/` lies beside `src/`. */
const projectDir = resolve(import.meta.dirname, '..')

type Problem = { readonly field: string; readonly message: string }

/**
 * Reads and checks the whole environment; an empty variable counts as absent, `VAULT_TEST_*` is none of the vault's business.
 *
 * @throws {VaultError} config.invalid - with every problem, unknown `VAULT_*` names among them
 */
export function readConfig(environment: Readonly<Record<string, string | undefined>> = process.env): Config {
  const given = Object.entries(environment).filter(
    ([name, value]) => isOurs(name) && value !== '' && value !== undefined,
  )
  const unknown = given.filter(([name]) => !names.has(name)).map(([name]) => unknownName(name))
  const parsed = schema.safeParse(Object.fromEntries(given))
  const problems = [...unknown, ...(parsed.error?.issues.map(issue => invalidValue(issue)) ?? [])]
  if (!parsed.success || problems.length > 0) throw new VaultError('config.invalid', { problems })
  const value = parsed.data
  const dataDir = resolve(value.VAULT_DATA_DIR)
  const passphraseFile = value.VAULT_KEYRING_PASSPHRASE_FILE
  return Object.freeze({
    dataDir,
    keysDir: value.VAULT_KEYS_DIR === undefined ? `${dataDir}-keys` : resolve(value.VAULT_KEYS_DIR),
    tenantsDir: resolve(value.VAULT_TENANTS_DIR ?? join(projectDir, 'infra/tenants')),
    host: value.VAULT_HOST,
    port: value.VAULT_PORT,
    metricsPort: value.VAULT_METRICS_PORT === 'off' ? undefined : value.VAULT_METRICS_PORT,
    passphraseFile: passphraseFile === undefined ? undefined : resolve(passphraseFile),
    readBudgetPerHour: value.VAULT_READ_BUDGET,
    uploadBudgetBytes: value.VAULT_UPLOAD_BUDGET_BYTES,
    maxConnections: value.VAULT_MAX_CONNECTIONS,
    diskReserveBytes: value.VAULT_DISK_RESERVE_BYTES,
    logLevel: value.VAULT_LOG_LEVEL,
  })
}

/** Every setting in force, for an operator to read; a secret's reference shows as `[set]`. */
export function describeConfig(config: Config): Readonly<Record<VariableName, string>> {
  return {
    VAULT_DATA_DIR: config.dataDir,
    VAULT_KEYS_DIR: config.keysDir,
    VAULT_TENANTS_DIR: config.tenantsDir,
    VAULT_HOST: config.host,
    VAULT_PORT: String(config.port),
    VAULT_METRICS_PORT: config.metricsPort === undefined ? 'off' : String(config.metricsPort),
    VAULT_KEYRING_PASSPHRASE_FILE: config.passphraseFile === undefined ? '[not set]' : '[set]',
    VAULT_READ_BUDGET: String(config.readBudgetPerHour),
    VAULT_UPLOAD_BUDGET_BYTES: String(config.uploadBudgetBytes),
    VAULT_MAX_CONNECTIONS: String(config.maxConnections),
    VAULT_DISK_RESERVE_BYTES: String(config.diskReserveBytes),
    VAULT_LOG_LEVEL: config.logLevel,
  }
}

/** One line for each variable: its name and what it is for. */
export function variableLines(): readonly string[] {
  return Object.entries(variables).map(([name, rule]) => `  ${name.padEnd(30)} ${rule.meta()?.description ?? ''}`)
}

/** Lets threads read the code that this process keeps compiled: they take the folder from the environment alone. */
export function shareCompiledCode(folder: string): void {
  process.env['NODE_COMPILE_CACHE'] ??= folder
}

const isOurs = (name: string): boolean => name.startsWith('VAULT_') && !name.startsWith('VAULT_TEST_')

function unknownName(name: string): Problem {
  return { field: name, message: 'is not a setting of the vault; see `help`' }
}

/** Names the rule that is broken, never the value: a secret may have been put into the wrong variable. */
function invalidValue(issue: z.core.$ZodIssue): Problem {
  const field = String(issue.path[0] ?? 'environment')
  switch (issue.code) {
    case 'too_small':
      return { field, message: `must be at least ${issue.minimum}` }
    case 'too_big':
      return { field, message: `must be at most ${issue.maximum}` }
    case 'invalid_value':
      return { field, message: `must be one of ${issue.values.join(', ')}` }
    case 'invalid_union':
      return { field, message: 'must be a port, 0 to 65535, or off' }
    default:
      return { field, message: issue.message }
  }
}
