import { randomBytes } from 'node:crypto'
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  PutBucketVersioningCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { needsVariable } from './needs.ts'

const endpoint = needsVariable('VAULT_TEST_S3_ENDPOINT', 'an S3 server')
const id = needsVariable('VAULT_TEST_S3_ACCESS_KEY_ID', 'an S3 server')
const secret = needsVariable('VAULT_TEST_S3_SECRET_ACCESS_KEY', 'an S3 server')
const region = needsVariable('VAULT_TEST_S3_REGION', 'an S3 server')

export const s3Needs = {
  skip: endpoint.skip || id.skip || secret.skip || region.skip,
  endpoint: endpoint.value,
  region: region.value,
  credentials: { accessKeyId: id.value, secretAccessKey: secret.value },
} as const

export interface Bucket extends AsyncDisposable {
  readonly client: S3Client
  readonly bucket: string
}

/**
 * A bucket of the test's own; it goes with everything in it, every version included.
 * @param locks whether it has Object Lock: then only what is locked by governance goes
 */
export async function freshBucket(versioned: boolean, locks = false): Promise<Bucket> {
  const { endpoint, region, credentials } = s3Needs
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true })
  const bucket = `vault-${randomBytes(8).toString('hex')}`
  await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: locks }))
  if (versioned) {
    const VersioningConfiguration = { Status: 'Enabled' as const }
    await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }))
  }
  return {
    client,
    bucket,
    async [Symbol.asyncDispose]() {
      for (const { key, version } of await everyVersion(client, bucket)) {
        const bypass = locks ? { BypassGovernanceRetention: true } : {}
        await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId: version, ...bypass }))
      }
      await client.send(new DeleteBucketCommand({ Bucket: bucket }))
      client.destroy()
    },
  }
}

/** Versions and delete markers, as they lie there. */
export async function everyVersion(
  client: S3Client,
  bucket: string,
): Promise<readonly { readonly key: string; readonly version: string }[]> {
  // A server may list one version at the end of a page and again at the beginning of the next.
  const found = new Map<string, { readonly key: string; readonly version: string }>()
  for (let after: { readonly KeyMarker?: string; readonly VersionIdMarker?: string } | undefined = {}; after; ) {
    const page: ListObjectVersionsCommandOutput = await client.send(
      new ListObjectVersionsCommand({ Bucket: bucket, ...after }),
    )
    for (const { Key = '', VersionId = 'null' } of [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])]) {
      found.set(`${Key} ${VersionId}`, { key: Key, version: VersionId })
    }
    const { NextKeyMarker, NextVersionIdMarker } = page
    after =
      page.IsTruncated && NextKeyMarker !== undefined
        ? { KeyMarker: NextKeyMarker, ...(NextVersionIdMarker ? { VersionIdMarker: NextVersionIdMarker } : {}) }
        : undefined
  }
  return [...found.values()]
}
