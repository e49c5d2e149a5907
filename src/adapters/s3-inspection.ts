import {
  GetBucketEncryptionCommand,
  GetBucketPolicyStatusCommand,
  GetBucketReplicationCommand,
  GetBucketVersioningCommand,
  GetObjectLockConfigurationCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { newS3Client, type S3Place } from './s3-client.ts'

/** What a bucket says of itself. `untold` is what this server or these credentials do not let one ask. */
export interface BucketFacts {
  readonly region: string | undefined
  readonly isVersioned: boolean | 'untold'
  readonly isEncrypted: boolean | 'untold'
  /** Whether its policy lets anybody in. */
  readonly isPublic: boolean | 'untold'
  /** Whether every way to make it public is shut. */
  readonly blocksPublic: boolean | 'untold'
  /** Whether copies of it go elsewhere. */
  readonly isReplicated: boolean | 'untold'
  /** Whether objects in it can be locked against deletion. */
  readonly hasObjectLock: boolean | 'untold'
}

const answerWithinMs = 2_500

/**
 * Asks the bucket about itself; reads nothing that lies in it, and changes nothing.
 * @returns undefined when it does not answer, or not to these credentials
 */
export async function inspectBucket(place: S3Place): Promise<BucketFacts | undefined> {
  const client = newS3Client(place)
  const { bucket: Bucket } = place
  try {
    const head = await ask(abort => client.send(new HeadBucketCommand({ Bucket }), abort))
    if (typeof head === 'string') return undefined
    return { region: head.BucketRegion, ...(await settingsOf(client, Bucket)) }
  } finally {
    client.destroy()
  }
}

/** Where a setting was never made, the server says that there is none. */
async function settingsOf(client: S3Client, Bucket: string): Promise<Omit<BucketFacts, 'region'>> {
  const [versioning, encryption, policy, block, replication, lock] = await Promise.all([
    ask(abort => client.send(new GetBucketVersioningCommand({ Bucket }), abort)),
    ask(abort => client.send(new GetBucketEncryptionCommand({ Bucket }), abort)),
    ask(abort => client.send(new GetBucketPolicyStatusCommand({ Bucket }), abort)),
    ask(abort => client.send(new GetPublicAccessBlockCommand({ Bucket }), abort)),
    ask(abort => client.send(new GetBucketReplicationCommand({ Bucket }), abort)),
    ask(abort => client.send(new GetObjectLockConfigurationCommand({ Bucket }), abort)),
  ])
  return {
    isVersioned: told(versioning, ({ Status }) => Status === 'Enabled'),
    isEncrypted: told(encryption, answer => (answer.ServerSideEncryptionConfiguration?.Rules ?? []).length > 0),
    isPublic: told(policy, ({ PolicyStatus }) => PolicyStatus?.IsPublic === true),
    blocksPublic: told(block, ({ PublicAccessBlockConfiguration: all }) =>
      [all?.BlockPublicAcls, all?.IgnorePublicAcls, all?.BlockPublicPolicy, all?.RestrictPublicBuckets].every(Boolean),
    ),
    hasObjectLock: told(lock, answer => answer.ObjectLockConfiguration?.ObjectLockEnabled === 'Enabled'),
    isReplicated: told(replication, answer => (answer.ReplicationConfiguration?.Rules ?? []).length > 0),
  }
}

function told<Answer>(answer: Answer | 'none' | 'untold', read: (answer: Answer) => boolean): boolean | 'untold' {
  if (answer === 'untold') return 'untold'
  return answer === 'none' ? false : read(answer)
}

async function ask<Answer>(
  call: (options: { abortSignal: AbortSignal }) => Promise<Answer>,
): Promise<Answer | 'none' | 'untold'> {
  try {
    return await call({ abortSignal: AbortSignal.timeout(answerWithinMs) })
  } catch (error) {
    return error instanceof Error && /^NoSuchBucketPolicy$|ConfigurationNotFoundError$/.test(error.name)
      ? 'none'
      : 'untold'
  }
}
