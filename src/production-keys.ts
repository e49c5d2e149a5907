import { awsPolicies, type IamPolicy } from './adapters/aws-policies.ts'
import { initDoorFile, keyOfDoorFile } from './adapters/kms-door.ts'
import { type NeededKey, type ReadyKey, readyKmsKeys } from './adapters/kms-init.ts'
import { readTenantKeys } from './adapters/kms-tenant-keys.ts'
import { type MongoRole, mongoRoles } from './adapters/mongo-roles.ts'
import type { ProductionConfig } from './config.ts'
import { VaultError } from './domain/errors.ts'

export interface InitWish {
  /** Id, alias or ARN of the key that wraps the door's secret; needed while there is no door file. */
  readonly doorKey: string | undefined
  /** Nothing is made, and everything must be there. */
  readonly policiesOnly: boolean
}

/** What is there now, and who needs which right to it. */
export interface InitedKeys {
  readonly keys: readonly Pick<ReadyKey, 'purpose' | 'name' | 'arn' | 'isNew'>[]
  readonly doorFile: 'made' | 'there' | 'missing'
  readonly policies: {
    readonly aws: Readonly<Record<string, IamPolicy>>
    readonly mongodb: Readonly<Record<string, MongoRole>>
  }
}

/**
 * Makes what is missing and adopts what is there: the keys that the settings name, and the file of the door's secret. May be
 * repeated at any time, and tells the rights of each process by exact names; after a flip they are other ones.
 *
 * @throws {VaultError} config.invalid - a key that is of another kind or cannot be made, or no key for the door; in words
 * @throws {VaultError} keys.unavailable - KMS does not answer, or not to these credentials
 */
export async function initProductionKeys(config: ProductionConfig, wish: InitWish): Promise<InitedKeys> {
  const { kms } = config
  const place = { region: kms.region, ...(kms.endpoint === undefined ? {} : { endpoint: kms.endpoint }) }
  const doorThere = await keyOfDoorFile(kms.doorFile)
  const doorName = doorThere ?? wish.doorKey
  if (doorName === undefined && !wish.policiesOnly) {
    const message = 'names no file yet: give --door-key, the key to wrap its secret under'
    throw new VaultError('config.invalid', { problems: [{ field: 'VAULT_KMS_DOOR_FILE', message }] })
  }
  const needed = await neededKeys(config, doorName)
  const keys = await readyKmsKeys(place, needed, !wish.policiesOnly)
  const isMissing = doorThere === undefined
  if (isMissing && doorName !== undefined && !wish.policiesOnly) await initDoorFile(place, doorName, kms.doorFile)
  const doorFile = isMissing ? (wish.policiesOnly ? 'missing' : 'made') : 'there'
  const shown = keys.map(({ purpose, name, arn, isNew }) => ({ purpose, name, arn, isNew }))
  return { keys: shown, doorFile, policies: await policiesOf(config, keys) }
}

async function neededKeys({ kms }: ProductionConfig, doorName: string | undefined): Promise<readonly NeededKey[]> {
  const ofTenants = new Set((await readTenantKeys(kms.tenantKeysFile)).values())
  return [
    { purpose: 'documents', name: kms.documentsKey, field: 'VAULT_KMS_DOCUMENTS_KEY' },
    ...[...ofTenants].map(name => ({ purpose: 'documents', name, field: 'VAULT_KMS_TENANT_KEYS_FILE' }) as const),
    { purpose: 'blind-index', name: kms.blindIndexKey, field: 'VAULT_KMS_BLIND_INDEX_KEY' },
    ...kms.formerDocumentsKeys.map(
      name => ({ purpose: 'former', name, field: 'VAULT_KMS_FORMER_DOCUMENTS_KEYS' }) as const,
    ),
    ...(doorName === undefined ? [] : [{ purpose: 'door', name: doorName, field: '--door-key' } as const]),
  ]
}

async function policiesOf(
  { s3, anchor, mongo }: ProductionConfig,
  keys: readonly ReadyKey[],
): Promise<InitedKeys['policies']> {
  const documents = keys
    .filter(({ purpose }) => purpose === 'documents')
    .map(({ arn, formerArn, name }) => ({
      active: arn,
      ...(formerArn === undefined ? {} : { former: formerArn }),
      ...(name.startsWith('alias/') ? { alias: name } : {}),
    }))
  const aws = awsPolicies({
    documents,
    formerDocuments: keys.filter(({ purpose }) => purpose === 'former').map(({ arn }) => arn),
    blindIndex: keys.find(({ purpose }) => purpose === 'blind-index')?.arn ?? '',
    door: keys.find(({ purpose }) => purpose === 'door')?.arn,
    bucket: s3.bucket,
    prefix: s3.prefix,
    anchor: anchor.bucket,
  })
  return { aws, mongodb: mongoRoles(mongo.database, mongo.keysDatabase) }
}
