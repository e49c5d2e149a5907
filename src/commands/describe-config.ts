import type { Config, EmbeddedConfig, ProductionConfig } from '../config.ts'
import type { VariableName } from '../settings.ts'

/** Every setting in force, for an operator to read; a secret's reference shows as `[set]`. */
export function describeConfig(config: Config): Readonly<Partial<Record<VariableName, string>>> {
  return {
    VAULT_BACKING: config.backing,
    VAULT_TENANTS_DIR: config.tenantsDir,
    VAULT_OIDC_FILE: config.oidcFile ?? '',
    VAULT_TENANTS: config.tenants?.join(',') ?? '',
    VAULT_HOST: config.host,
    VAULT_PORT: String(config.port),
    VAULT_METRICS_PORT: config.metricsPort === undefined ? 'off' : String(config.metricsPort),
    VAULT_READ_BUDGET: String(config.readBudgetPerHour),
    VAULT_UPLOAD_BUDGET_BYTES: String(config.uploadBudgetBytes),
    VAULT_MAX_CONNECTIONS: String(config.maxConnections),
    VAULT_LOG_LEVEL: config.logLevel,
    ...(config.backing === 'embedded' ? describeEmbedded(config) : describeProduction(config)),
  }
}

function describeEmbedded(config: EmbeddedConfig): Partial<Record<VariableName, string>> {
  return {
    VAULT_DATA_DIR: config.dataDir,
    VAULT_KEYS_DIR: config.keysDir,
    VAULT_KEYRING_PASSPHRASE_FILE: shown(config.passphraseFile),
    VAULT_DISK_RESERVE_BYTES: String(config.diskReserveBytes),
  }
}

function describeProduction({
  deployment,
  mongo,
  s3,
  anchor,
  kms,
}: ProductionConfig): Partial<Record<VariableName, string>> {
  return {
    VAULT_REGIONS: deployment.regions.join(','),
    VAULT_TLS_FLOOR: deployment.tlsFloor,
    VAULT_DEMO_REFERENCES: deployment.takesDemo ? 'allow' : 'refuse',
    VAULT_MONGODB_URI_FILE: '[set]',
    VAULT_MONGODB_DATABASE: mongo.database,
    VAULT_MONGODB_KEYS_URI_FILE: shown(mongo.keysUriFile),
    VAULT_MONGODB_KEYS_DATABASE: mongo.keysDatabase,
    VAULT_S3_REGION: s3.region,
    VAULT_S3_BUCKET: s3.bucket,
    VAULT_S3_PREFIX: s3.prefix,
    VAULT_S3_ENDPOINT: s3.endpoint ?? 'AWS',
    VAULT_ANCHOR_BUCKET: anchor.bucket,
    VAULT_ANCHOR_LOCK: anchor.lock,
    VAULT_ANCHOR_LOCK_DAYS: String(anchor.lockDays),
    VAULT_KMS_REGION: kms.region,
    VAULT_KMS_ENDPOINT: kms.endpoint ?? 'AWS',
    VAULT_KMS_DOCUMENTS_KEY: kms.documentsKey,
    VAULT_KMS_FORMER_DOCUMENTS_KEYS: kms.formerDocumentsKeys.join(','),
    VAULT_KMS_TENANT_KEYS_FILE: kms.tenantKeysFile ?? '[not set]',
    VAULT_KMS_DELETION_DAYS: String(kms.deletionDays),
    VAULT_KMS_BLIND_INDEX_KEY: kms.blindIndexKey,
    VAULT_KMS_DOOR_FILE: '[set]',
  }
}

const shown = (path: string | undefined): string => (path === undefined ? '[not set]' : '[set]')
