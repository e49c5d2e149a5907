import { readFile } from 'node:fs/promises'
import { inspectKeys, type KeyFacts, type KeyQuestion, tryDoorFile } from './adapters/kms-inspection.ts'
import { readTenantKeys } from './adapters/kms-tenant-keys.ts'
import { type MongoConnection, openMongo } from './adapters/mongo-connection.ts'
import { type DatabaseFacts, inspectMongo, uriProblems } from './adapters/mongo-inspection.ts'
import { type CollectionName, keyCollections, mainCollections } from './adapters/mongo-schema.ts'
import { type BucketFacts, inspectBucket } from './adapters/s3-inspection.ts'
import type { ProductionConfig, SoundParts } from './config.ts'
import { brokenPromises, regionFinding, type SettingFinding } from './domain/deployment.ts'
import { VaultError } from './domain/errors.ts'
import type { ProcessRole } from './domain/process-role.ts'
import type { Tenant } from './domain/tenant.ts'

/** The regions of the deployment, unless they cannot be read. */
type Declared = readonly string[] | undefined
type Weight = SettingFinding['weight']
const say = (weight: Weight, field: string, message: string): SettingFinding => ({ weight, field, message })

/**
 * Holds a production deployment against every promise it needs: what the tenants promised, what MongoDB, S3 and KMS say of
 * themselves. Everything is asked at once, and nothing is changed. What a service does not tell is a remark.
 *
 * @param config parts that are absent, since something is wrong with them, are held against nothing
 * @param roles what the process is to do; keys are tried out by whoever is to use them
 * @returns every finding, problems first
 */
export async function inspectProduction(
  config: SoundParts,
  tenants: readonly Tenant[],
  roles: readonly ProcessRole[],
): Promise<readonly SettingFinding[]> {
  const { deployment, mongo, s3, kms } = config
  const [databases, bucket, keys] = await Promise.all([
    mongo ? databaseFindings(mongo) : [],
    s3 && wantsBodies(roles) ? bucketFindings({ ...config, s3 }, tenants) : [],
    kms ? keyFindings(kms, deployment?.regions, roles) : [],
  ])
  const promises = deployment ? tenants.flatMap(tenant => brokenPromises(tenant, deployment)) : []
  const all = [...promises, ...databases, ...bucket, ...keys]
  const order: readonly Weight[] = ['problem', 'unreachable', 'remark']
  return all.toSorted((a, b) => order.indexOf(a.weight) - order.indexOf(b.weight))
}

async function databaseFindings(mongo: ProductionConfig['mongo']): Promise<readonly SettingFinding[]> {
  const { uriFile, database, keysUriFile, keysDatabase } = mongo
  const isShared = keysUriFile === undefined
  const keysField = isShared ? 'VAULT_MONGODB_KEYS_DATABASE' : 'VAULT_MONGODB_KEYS_URI_FILE'
  const found = await Promise.all([
    clusterFindings('VAULT_MONGODB_URI_FILE', uriFile, database, mainCollections),
    clusterFindings(keysField, keysUriFile ?? uriFile, keysDatabase, keyCollections),
  ])
  const same = isShared && keysDatabase === database
  return [...(same ? [say('problem', keysField, 'must be another than VAULT_MONGODB_DATABASE')] : []), ...found.flat()]
}

async function clusterFindings(
  field: string,
  uriFile: string,
  database: string,
  collections: readonly CollectionName[],
): Promise<readonly SettingFinding[]> {
  const uri = await readFile(uriFile, 'utf8').then(
    text => text.trim(),
    () => undefined,
  )
  if (uri === undefined) return [say('problem', field, 'names a file that cannot be read')]
  const wrong = uriProblems(uri)
  if (wrong.length > 0) return wrong.map(message => say('problem', field, message))
  let mongo: MongoConnection | undefined
  try {
    mongo = await openMongo({ uri, database }, 'ledger.unavailable')
    return aboutDatabase(field, await inspectMongo(mongo, collections))
  } catch (error) {
    return aboutFailure(field, error)
  } finally {
    await mongo?.[Symbol.asyncDispose]()
  }
}

function aboutDatabase(field: string, { problems, members, arbiters }: DatabaseFacts): readonly SettingFinding[] {
  const few =
    members < 3 ? [say('remark', field, `names a set of ${members} members: three survive the loss of one`)] : []
  const idle =
    arbiters > 0
      ? [say('remark', field, 'names a set with an arbiter, which holds no data: a majority is fewer copies')]
      : []
  return [...problems.map(message => say('problem', field, message)), ...few, ...idle]
}

function aboutFailure(field: string, error: unknown): readonly SettingFinding[] {
  if (!(error instanceof VaultError)) throw error
  if (error.code !== 'config.invalid')
    return [say('unreachable', field, 'names what does not answer, or not to these credentials')]
  return (error.facts.problems ?? []).map(({ message }) => say('problem', field, message))
}

async function bucketFindings(
  { s3, anchor, deployment }: SoundParts & Pick<ProductionConfig, 's3'>,
  tenants: readonly Tenant[],
): Promise<readonly SettingFinding[]> {
  const places = Math.max(1, ...tenants.map(({ residency }) => residency.minPlaces))
  const { region, endpoint } = s3
  const place = { region, ...(endpoint === undefined ? {} : { endpoint }) }
  const [papers, anchors] = await Promise.all([
    inspectBucket({ ...place, bucket: s3.bucket }),
    anchor && inspectBucket({ ...place, bucket: anchor.bucket }),
  ])
  const about = aboutBucket('VAULT_S3_BUCKET', papers, deployment?.regions, places)
  if (!anchor) return about
  const same = s3.bucket === anchor.bucket
  return [
    ...about,
    ...(same ? [say('problem', 'VAULT_ANCHOR_BUCKET', 'must be another than VAULT_S3_BUCKET')] : []),
    ...aboutBucket('VAULT_ANCHOR_BUCKET', anchors, deployment?.regions, 1),
    ...(anchors?.hasObjectLock === false
      ? [say('problem', 'VAULT_ANCHOR_BUCKET', 'names a bucket without Object Lock')]
      : []),
  ]
}

function aboutBucket(
  field: string,
  facts: BucketFacts | undefined,
  declared: Declared,
  places: number,
): readonly SettingFinding[] {
  if (facts === undefined) return [say('unreachable', field, 'does not answer to these credentials')]
  return [
    ...(declared ? regionFinding(field, facts.region, declared) : []),
    ...(facts.isPublic === true ? [say('problem', field, 'has a policy that lets anybody in')] : []),
    ...(facts.blocksPublic === false ? [say('problem', field, 'does not block public access in all four ways')] : []),
    ...aboutCopies(field, facts, places),
    ...(facts.isVersioned === false
      ? [say('remark', field, 'keeps no versions: a mistaken deletion by somebody else is final')]
      : []),
    ...(facts.isEncrypted === false
      ? [say('remark', field, 'has no encryption of its own; what lies in it is sealed all the same')]
      : []),
    ...untold(field, facts),
  ]
}

function aboutCopies(field: string, { isReplicated }: BucketFacts, places: number): readonly SettingFinding[] {
  if (places > 1 && isReplicated === false) {
    return [say('problem', field, `is copied nowhere, and a tenant asks for ${places} regions`)]
  }
  return isReplicated === true
    ? [say('remark', field, 'is copied to other buckets: that their regions are in VAULT_REGIONS is only declared')]
    : []
}

function untold(field: string, facts: BucketFacts): readonly SettingFinding[] {
  const names = {
    isVersioned: 'versions',
    isEncrypted: 'encryption',
    isPublic: 'policy',
    blocksPublic: 'block of public access',
    isReplicated: 'replication',
  } as const
  const silent = (Object.keys(names) as (keyof typeof names)[]).filter(name => facts[name] === 'untold')
  if (silent.length === 0) return []
  const list = silent.map(name => names[name]).join(', ')
  return [say('remark', field, `does not tell these credentials of its ${list}`)]
}

async function keyFindings(
  kms: ProductionConfig['kms'],
  declared: Declared,
  roles: readonly ProcessRole[],
): Promise<readonly SettingFinding[]> {
  const makes = roles.includes('intake')
  const isTrying = makes || roles.includes('access')
  if (!isTrying) return []
  const tenantsField = 'VAULT_KMS_TENANT_KEYS_FILE'
  const [ofTenants, unread] = await readTenantKeys(kms.tenantKeysFile).then(
    keys => [[...new Set(keys.values())], []] as const,
    error => [[], aboutFailure(tenantsField, error)] as const,
  )
  const asked: readonly (KeyQuestion & { readonly field: string })[] = [
    { field: 'VAULT_KMS_DOCUMENTS_KEY', key: kms.documentsKey, spec: 'SYMMETRIC_DEFAULT', makes },
    { field: 'VAULT_KMS_BLIND_INDEX_KEY', key: kms.blindIndexKey, spec: 'HMAC_256', makes },
    ...ofTenants.map(key => ({ field: tenantsField, key, spec: 'SYMMETRIC_DEFAULT', makes }) as const),
    ...kms.formerDocumentsKeys.map(key => {
      return { field: 'VAULT_KMS_FORMER_DOCUMENTS_KEYS', key, spec: 'SYMMETRIC_DEFAULT', makes: false } as const
    }),
  ]
  const place = { region: kms.region, ...(kms.endpoint === undefined ? {} : { endpoint: kms.endpoint }) }
  const [facts, door] = await Promise.all([
    inspectKeys(place, asked),
    tryDoorFile(place, kms.doorFile).then(
      () => [],
      error => aboutFailure('VAULT_KMS_DOOR_FILE', error),
    ),
  ])
  const about = asked.flatMap((question, at) => aboutKey(question, facts[at], declared))
  return [...unread, ...about, ...door]
}

/** A former key is disabled before its end, and nothing is under it any more by then. */
const isFormer = (field: string): boolean => field === 'VAULT_KMS_FORMER_DOCUMENTS_KEYS'

/** Whoever wraps keys anew touches no body. */
const wantsBodies = (roles: readonly ProcessRole[]): boolean =>
  roles.length === 0 || roles.some(role => role !== 'keys')

function aboutKey(
  { field, spec, makes }: KeyQuestion & { readonly field: string },
  facts: KeyFacts,
  declared: Declared,
): readonly SettingFinding[] {
  if (facts === undefined) return [say('unreachable', field, 'is a key of a KMS that does not answer')]
  if (facts === 'unknown')
    return [say('problem', field, 'names a key that KMS does not know, or not to these credentials')]
  const { regions, state, spec: found, isUsable } = facts
  return [
    ...(found === spec ? [] : [say('problem', field, `names a key of the spec ${found}; it must be ${spec}`)]),
    ...(state === 'Enabled'
      ? []
      : [say(isFormer(field) ? 'remark' : 'problem', field, `names a key that is ${state}`)]),
    ...(makes && isUsable === false ? [say('problem', field, 'names a key that these credentials may not use')] : []),
    ...(declared ? regions.flatMap(region => regionFinding(field, region, declared)) : []),
  ]
}
