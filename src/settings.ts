import { z } from 'zod'

const MiB = 1024 * 1024

const text = z.string().min(1)
const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^[0-9]{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(least).max(most))
const port = z
  .string()
  .regex(/^[0-9]{1,5}$/, 'must be a port, 0 to 65535')
  .transform(Number)
  .pipe(z.number().max(65_535))

/** Only TLS, but for a server on this very machine: a data key crosses the wire to KMS in clear. */
const endpoint = z
  .string()
  .refine(
    value => URL.canParse(value) && isSafeEndpoint(new URL(value)),
    'must be an https:// address, or http:// on loopback',
  )
const database = z.string().regex(/^[A-Za-z0-9_-]{1,38}$/, 'must be 1 to 38 letters, digits, _ and -')
const commaList = (rule: z.ZodType<string, string>, most: number) =>
  z
    .string()
    .transform(value => value.split(','))
    .pipe(z.array(rule).max(most))
const kmsKey = z.string().regex(/^[A-Za-z0-9:/_-]{1,2048}$/, 'must be a key id, an alias or an ARN')

/** Name, rule, default and purpose of every variable: `help` and infra/README.md say the same. */
const variables = {
  VAULT_BACKING: z
    .enum(['embedded', 'production'])
    .default('embedded')
    .meta({ description: 'embedded (folder and key file) or production (MongoDB, S3, KMS)' }),
  VAULT_DATA_DIR: text.optional().meta({ description: 'folder of rows, trail, wrapped keys and sealed papers' }),
  VAULT_KEYS_DIR: text.optional().meta({ description: 'folder of the key file, outside of the data folder' }),
  VAULT_TENANTS_DIR: text.optional().meta({ description: 'folder of the tenants’ policies' }),
  VAULT_OIDC_FILE: text.optional().meta({ description: 'file of the issuers whose tokens count beside API keys' }),
  VAULT_TENANTS: commaList(z.string().regex(/^[a-z0-9-]{1,32}$/, 'must be ids of tenants, with commas between'), 100)
    .optional()
    .meta({ description: 'the tenants this deployment serves, with commas between; all of the folder when absent' }),
  VAULT_REGIONS: commaList(z.string().regex(/^[a-z0-9-]{2,32}$/, 'must be names of regions, with commas between'), 20)
    .optional()
    .meta({ description: 'every region that papers, keys, rows and copies of them lie in, with commas between' }),
  VAULT_TLS_FLOOR: z
    .enum(['1.2', '1.3'])
    .optional()
    .meta({ description: 'the least TLS that the proxy before the vault accepts' }),
  VAULT_DEMO_REFERENCES: z
    .enum(['refuse', 'allow'])
    .optional()
    .meta({ description: 'allow takes licences and bases that begin with demo: for real ones' }),
  VAULT_HOST: text.default('127.0.0.1').meta({ description: 'address to listen on' }),
  VAULT_PORT: port.default(8080).meta({ description: 'port to listen on; 0 takes a free one' }),
  VAULT_METRICS_PORT: z
    .union([z.literal('off'), port])
    .default('off')
    .meta({ description: 'port of /metrics on 127.0.0.1; 0 takes a free one, off is none' }),
  VAULT_KEYRING_PASSPHRASE_FILE: text
    .optional()
    .meta({ description: 'file that holds the passphrase of the key file' }),
  VAULT_READ_BUDGET: whole(1, 1_000_000).default(600).meta({ description: 'papers one caller may open in an hour' }),
  VAULT_UPLOAD_BUDGET_BYTES: whole(32 * MiB, 64 * 1024 * MiB)
    .default(128 * MiB)
    .meta({
      description: 'memory that uploads under way may take together',
    }),
  VAULT_MAX_CONNECTIONS: whole(1, 100_000).default(4_096).meta({ description: 'connections that are open at once' }),
  VAULT_DISK_RESERVE_BYTES: whole(0, 2 ** 50 - 1)
    .optional()
    .meta({
      description: 'free room below which uploads are refused',
    }),
  VAULT_LOG_LEVEL: z
    .enum(['info', 'warn', 'error', 'silent'])
    .default('info')
    .meta({ description: 'least level logged' }),
  VAULT_MONGODB_URI_FILE: text.optional().meta({ description: 'file that holds the URI of the replica set' }),
  VAULT_MONGODB_DATABASE: database.optional().meta({ description: 'database of rows, trail and counters' }),
  VAULT_MONGODB_KEYS_DATABASE: database
    .optional()
    .meta({ description: 'database of the wrapped keys, backed up apart' }),
  VAULT_MONGODB_KEYS_URI_FILE: text
    .optional()
    .meta({ description: 'file that holds the URI of the wrapped keys’ own cluster, if they have one' }),
  VAULT_S3_REGION: text.optional().meta({ description: 'region of the bucket' }),
  VAULT_S3_BUCKET: text.optional().meta({ description: 'bucket of the sealed papers' }),
  VAULT_S3_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}\/$/, 'must be a name that ends in /')
    .optional()
    .meta({ description: 'before every name in the bucket' }),
  VAULT_S3_ENDPOINT: endpoint.optional().meta({ description: 'of a server other than AWS' }),
  VAULT_ANCHOR_BUCKET: text
    .optional()
    .meta({ description: 'bucket with Object Lock, in another account, for the list of the destroyed' }),
  VAULT_ANCHOR_LOCK: z
    .enum(['compliance', 'governance'])
    .optional()
    .meta({ description: 'how the list is locked: compliance when absent' }),
  VAULT_ANCHOR_LOCK_DAYS: whole(1, 36_500)
    .optional()
    .meta({ description: 'days it is locked, more than any backup is kept; 3650 when absent' }),
  VAULT_KMS_REGION: text.optional().meta({ description: 'region of the keys' }),
  VAULT_KMS_ENDPOINT: endpoint.optional().meta({ description: 'of a server other than AWS' }),
  VAULT_KMS_DOCUMENTS_KEY: kmsKey.optional().meta({ description: 'key, best an alias, that wraps the papers’ keys' }),
  VAULT_KMS_FORMER_DOCUMENTS_KEYS: commaList(kmsKey, 20)
    .optional()
    .meta({ description: 'keys of earlier epochs, with commas between' }),
  VAULT_KMS_TENANT_KEYS_FILE: text
    .optional()
    .meta({ description: 'file of tenants with a documents’ key of their own: JSON of tenant and key' }),
  VAULT_KMS_DELETION_DAYS: whole(7, 30)
    .default(7)
    .meta({ description: 'days that KMS waits before a key that was ended is gone' }),
  VAULT_KMS_BLIND_INDEX_KEY: kmsKey.optional().meta({ description: 'HMAC key of the blind index' }),
  VAULT_KMS_DOOR_FILE: text.optional().meta({ description: 'file of the door’s secret; `keys init` makes it' }),
} as const

export type VariableName = keyof typeof variables
/** All of them, parsed one by one. */
export const settingsSchema = z.object(variables)
export const settingNames: ReadonlySet<string> = new Set(Object.keys(variables))

/** One line for each variable: its name and what it is for. */
export function variableLines(): readonly string[] {
  return Object.entries(variables).map(([name, rule]) => `  ${name.padEnd(32)} ${rule.meta()?.description ?? ''}`)
}

function isSafeEndpoint({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(hostname))
}
