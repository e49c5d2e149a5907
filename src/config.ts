import { join, resolve } from 'node:path'
import type { z } from 'zod'
import type { Deployment } from './domain/deployment.ts'
import { VaultError } from './domain/errors.ts'
import { settingNames, settingsSchema, type VariableName } from './settings.ts'

/** What an operator may set, and nothing else: the rest of the program sees this, never the environment. */
export type Config = EmbeddedConfig | ProductionConfig

interface CommonConfig {
  readonly tenantsDir: string
  /** The tenants that are served, by id; every one of the folder when absent. */
  readonly tenants: readonly string[] | undefined
  /** Names the issuers whose tokens count; without it there are API keys only. */
  readonly oidcFile: string | undefined
  readonly host: string
  /** 0 takes any free port; the one taken is printed. */
  readonly port: number
  /** Loopback listener of `/metrics`; undefined is none, 0 any free port. */
  readonly metricsPort: number | undefined
  readonly readBudgetPerHour: number
  readonly uploadBudgetBytes: number
  readonly maxConnections: number
  readonly logLevel: 'info' | 'warn' | 'error' | 'silent'
}

/** One process with its data in a folder and its keys in a file. */
export interface EmbeddedConfig extends CommonConfig {
  readonly backing: 'embedded'
  readonly dataDir: string
  readonly keysDir: string
  /** Names a file; its content is read where it is used and never kept here. */
  readonly passphraseFile: string | undefined
  readonly diskReserveBytes: number
}

/** Any number of processes on one replica set, one bucket and one KMS. A secret is named by its file, here too. */
export interface ProductionConfig extends CommonConfig {
  readonly backing: 'production'
  /** What the operator declares; what services say of themselves is held against it. */
  readonly deployment: Deployment
  readonly mongo: {
    readonly uriFile: string
    readonly database: string
    readonly keysDatabase: string
    /** Of the wrapped keys, where they lie in a cluster of their own. */
    readonly keysUriFile: string | undefined
  }
  readonly s3: {
    readonly region: string
    readonly bucket: string
    readonly prefix: string
    readonly endpoint: string | undefined
  }
  /** Where the list of the destroyed lies, locked and in no backup: region, endpoint and prefix are those of the papers. */
  readonly anchor: {
    readonly bucket: string
    readonly lock: 'compliance' | 'governance'
    readonly lockDays: number
  }
  readonly kms: {
    readonly region: string
    readonly endpoint: string | undefined
    readonly documentsKey: string
    readonly formerDocumentsKeys: readonly string[]
    readonly tenantKeysFile: string | undefined
    readonly deletionDays: number
    readonly blindIndexKey: string
    readonly doorFile: string
  }
}

/** The project's own folder: where `infra/` lies beside `src/`. */
const projectDir = resolve(import.meta.dirname, '..')

type Environment = Readonly<Record<string, string | undefined>>
type Problem = { readonly field: string; readonly message: string }

/** Settings of one backing only; with the other they would be silently without effect, so they are refused. */
const embeddedOnly = [
  'VAULT_DATA_DIR',
  'VAULT_KEYS_DIR',
  'VAULT_KEYRING_PASSPHRASE_FILE',
  'VAULT_DISK_RESERVE_BYTES',
] as const satisfies readonly VariableName[]
const productionNeeds = [
  'VAULT_REGIONS',
  'VAULT_TLS_FLOOR',
  'VAULT_MONGODB_URI_FILE',
  'VAULT_MONGODB_DATABASE',
  'VAULT_MONGODB_KEYS_DATABASE',
  'VAULT_S3_REGION',
  'VAULT_S3_BUCKET',
  'VAULT_ANCHOR_BUCKET',
  'VAULT_KMS_REGION',
  'VAULT_KMS_DOCUMENTS_KEY',
  'VAULT_KMS_BLIND_INDEX_KEY',
  'VAULT_KMS_DOOR_FILE',
] as const satisfies readonly VariableName[]
const isProductionOnly = (name: string): boolean =>
  /^VAULT_(?:MONGODB|S3|ANCHOR|KMS)_|^VAULT_(?:REGIONS|TLS_FLOOR|DEMO_REFERENCES)$/.test(name)

/**
 * Reads and checks the whole environment; an empty variable counts as absent, `VAULT_TEST_*` is none of the vault's business.
 *
 * @throws {VaultError} config.invalid - with every problem, unknown `VAULT_*` names among them
 */
export function readConfig(environment: Environment = process.env): Config {
  const given = givenIn(environment)
  const known = given.map(([name]) => name)
  const parsed = settingsSchema.safeParse(Object.fromEntries(given), { jitless: true })
  const isProduction = environment['VAULT_BACKING'] === 'production'
  const problems = [
    ...known.filter(name => !settingNames.has(name)).map(name => unknownName(name)),
    ...(parsed.error?.issues.map(issue => invalidValue(issue)) ?? []),
    ...(isProduction ? problemsOfProduction(known) : known.filter(isProductionOnly).map(field => needless(field))),
  ]
  if (!parsed.success || problems.length > 0) throw new VaultError('config.invalid', { problems })
  const value = parsed.data
  const common = {
    tenantsDir: tenantsDirOf(environment),
    tenants: value.VAULT_TENANTS,
    oidcFile: pathOf(value.VAULT_OIDC_FILE),
    host: value.VAULT_HOST,
    port: value.VAULT_PORT,
    metricsPort: value.VAULT_METRICS_PORT === 'off' ? undefined : value.VAULT_METRICS_PORT,
    readBudgetPerHour: value.VAULT_READ_BUDGET,
    uploadBudgetBytes: value.VAULT_UPLOAD_BUDGET_BYTES,
    maxConnections: value.VAULT_MAX_CONNECTIONS,
    logLevel: value.VAULT_LOG_LEVEL,
  }
  return Object.freeze(
    isProduction ? { backing: 'production', ...common, ...productionParts(value) } : embeddedFrom(value, common),
  )
}

function tenantsDirOf(environment: Environment): string {
  return resolve(environment['VAULT_TENANTS_DIR'] || join(projectDir, 'infra/tenants'))
}

/** What can be looked into: all of it, or as many parts as are whole by themselves. */
export interface SoundParts
  extends Pick<Config, 'backing' | 'tenantsDir' | 'tenants' | 'oidcFile'>,
    Partial<Pick<ProductionConfig, ProductionPart>> {}
type ProductionPart = 'deployment' | 'mongo' | 's3' | 'anchor' | 'kms'

const namesOfPart: Readonly<Record<ProductionPart, RegExp>> = {
  deployment: /^VAULT_(?:REGIONS|TLS_FLOOR|DEMO_REFERENCES)$/,
  mongo: /^VAULT_MONGODB_/,
  s3: /^VAULT_S3_/,
  anchor: /^VAULT_ANCHOR_/,
  kms: /^VAULT_KMS_/,
}

/** Of settings that cannot be read as a whole, those parts that nothing is wrong with: they are looked into all the same. */
export function readSoundParts(environment: Environment = process.env): SoundParts {
  const given = Object.fromEntries(givenIn(environment))
  const issues = settingsSchema.safeParse(given, { jitless: true }).error?.issues ?? []
  const wrong = new Set(issues.map(issue => String(issue.path[0])))
  const sound = Object.entries(given).filter(([name]) => !wrong.has(name))
  const value = settingsSchema.parse(Object.fromEntries(sound), { jitless: true })
  const { VAULT_TENANTS: tenants, VAULT_OIDC_FILE: oidcFile } = value
  const common = { tenantsDir: tenantsDirOf(environment), tenants, oidcFile: pathOf(oidcFile) }
  if (environment['VAULT_BACKING'] !== 'production') return { backing: 'embedded', ...common }
  const present = new Set(sound.map(([name]) => name))
  const isWhole = (part: ProductionPart): boolean => {
    const isOfPart = (name: string): boolean => namesOfPart[part].test(name)
    return ![...wrong].some(isOfPart) && productionNeeds.filter(isOfPart).every(name => present.has(name))
  }
  const parts = Object.entries(productionParts(value)).filter(([part]) => isWhole(part as ProductionPart))
  return { backing: 'production', ...common, ...Object.fromEntries(parts) }
}

type Values = z.output<typeof settingsSchema>

function embeddedFrom(value: Values, common: CommonConfig): EmbeddedConfig {
  const dataDir = resolve(value.VAULT_DATA_DIR ?? './vault-data')
  return {
    backing: 'embedded',
    ...common,
    dataDir,
    keysDir: value.VAULT_KEYS_DIR === undefined ? `${dataDir}-keys` : resolve(value.VAULT_KEYS_DIR),
    passphraseFile: pathOf(value.VAULT_KEYRING_PASSPHRASE_FILE),
    diskReserveBytes: value.VAULT_DISK_RESERVE_BYTES ?? 256 * 1024 * 1024,
  }
}

/** What a part needs has been asked for by whoever uses it: an empty text stands for nothing that can get there. */
function productionParts(value: Values): Pick<ProductionConfig, ProductionPart> {
  return {
    deployment: Object.freeze({
      regions: value.VAULT_REGIONS ?? [],
      tlsFloor: value.VAULT_TLS_FLOOR ?? '1.2',
      takesDemo: value.VAULT_DEMO_REFERENCES === 'allow',
    }),
    mongo: Object.freeze({
      uriFile: resolve(value.VAULT_MONGODB_URI_FILE ?? ''),
      database: value.VAULT_MONGODB_DATABASE ?? '',
      keysDatabase: value.VAULT_MONGODB_KEYS_DATABASE ?? '',
      keysUriFile: pathOf(value.VAULT_MONGODB_KEYS_URI_FILE),
    }),
    s3: Object.freeze({
      region: value.VAULT_S3_REGION ?? '',
      bucket: value.VAULT_S3_BUCKET ?? '',
      prefix: value.VAULT_S3_PREFIX ?? '',
      endpoint: value.VAULT_S3_ENDPOINT,
    }),
    anchor: Object.freeze({
      bucket: value.VAULT_ANCHOR_BUCKET ?? '',
      lock: value.VAULT_ANCHOR_LOCK ?? 'compliance',
      lockDays: value.VAULT_ANCHOR_LOCK_DAYS ?? 3_650,
    }),
    kms: Object.freeze({
      region: value.VAULT_KMS_REGION ?? '',
      endpoint: value.VAULT_KMS_ENDPOINT,
      documentsKey: value.VAULT_KMS_DOCUMENTS_KEY ?? '',
      formerDocumentsKeys: value.VAULT_KMS_FORMER_DOCUMENTS_KEYS ?? [],
      tenantKeysFile: pathOf(value.VAULT_KMS_TENANT_KEYS_FILE),
      deletionDays: value.VAULT_KMS_DELETION_DAYS,
      blindIndexKey: value.VAULT_KMS_BLIND_INDEX_KEY ?? '',
      doorFile: resolve(value.VAULT_KMS_DOOR_FILE ?? ''),
    }),
  }
}

function problemsOfProduction(known: readonly string[]): readonly Problem[] {
  const missing = productionNeeds.filter(name => !known.includes(name))
  const idle = embeddedOnly.filter(name => known.includes(name))
  return [
    ...missing.map(field => ({ field, message: 'must be set with VAULT_BACKING=production' })),
    ...idle.map(field => ({ field, message: 'is of the embedded backing; production keeps no data or key file here' })),
  ]
}

/** Lets threads read the code that this process keeps compiled: they take the folder from the environment alone. */
export function shareCompiledCode(folder: string): void {
  process.env['NODE_COMPILE_CACHE'] ??= folder
}

/** An empty variable counts as absent. */
function givenIn(environment: Environment): readonly (readonly [string, string | undefined])[] {
  return Object.entries(environment).filter(([name, value]) => isOurs(name) && value !== '' && value !== undefined)
}

const pathOf = (path: string | undefined): string | undefined => (path === undefined ? undefined : resolve(path))

const isOurs = (name: string): boolean => name.startsWith('VAULT_') && !name.startsWith('VAULT_TEST_')

function unknownName(name: string): Problem {
  return { field: name, message: 'is not a setting of the vault; see `help`' }
}

function needless(field: string): Problem {
  return { field, message: 'is of the production backing, and VAULT_BACKING is not production' }
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
