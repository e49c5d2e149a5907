import assert from 'node:assert/strict'
import type { IamPolicy } from '../../src/adapters/aws-policies.ts'
import type { SentCommand } from './recorded-aws.ts'

/** One thing that IAM is asked for a command. */
interface Asked {
  readonly action: string
  readonly resource: string
  readonly keys: Readonly<Record<string, string>>
}

/** The ARN of a key by any of its names; an empty text where there is none. */
export type Resolve = (name: string) => Promise<string>

/** What IAM asks for each command, as its documentation of actions, resources and condition keys says. */
async function askedFor({ name, input }: SentCommand, resolve: Resolve): Promise<readonly Asked[]> {
  const text = (field: string): string => {
    const value = input[field]
    return typeof value === 'string' ? value : ''
  }
  const contextKeys = (field: string): Record<string, string> =>
    Object.fromEntries(
      Object.entries((input[field] ?? {}) as Record<string, string>).map(([key, value]) => [
        `kms:EncryptionContext:${key}`,
        value,
      ]),
    )
  const key = async (action: string, field = 'KeyId', of = 'EncryptionContext'): Promise<Asked> => ({
    action: `kms:${action}`,
    resource: await resolve(text(field)),
    keys: contextKeys(of),
  })
  const bucket = (action: string): Asked => ({
    action: `s3:${action}`,
    resource: `arn:aws:s3:::${text('Bucket')}`,
    keys: {},
  })
  const object = (action: string): Asked => ({
    action: `s3:${action}`,
    resource: `arn:aws:s3:::${text('Bucket')}/${text('Key')}`,
    keys: {},
  })
  switch (name) {
    case 'GenerateDataKey':
    case 'Decrypt':
    case 'GenerateMac':
    case 'GetKeyPolicy':
    case 'DisableKey':
    case 'ScheduleKeyDeletion':
      return [await key(name)]
    case 'DescribeKey':
      // Of an alias that is not there IAM has nothing to ask; KMS denies it, and that is taken as its absence.
      return (await resolve(text('KeyId'))) === '' ? [] : [await key(name)]
    case 'ReEncrypt':
      return [
        await key('ReEncryptFrom', 'SourceKeyId', 'SourceEncryptionContext'),
        await key('ReEncryptTo', 'DestinationKeyId', 'DestinationEncryptionContext'),
      ]
    case 'CreateKey': {
      const tags = (input.Tags ?? []) as readonly { readonly TagKey: string; readonly TagValue: string }[]
      const keys = Object.fromEntries(tags.map(({ TagKey, TagValue }) => [`aws:RequestTag/${TagKey}`, TagValue]))
      return ['kms:CreateKey', 'kms:TagResource'].map(action => ({ action, resource: '*', keys }))
    }
    case 'CreateAlias':
    case 'UpdateAlias': {
      const target = await resolve(text('TargetKeyId'))
      const alias = `${target.slice(0, target.lastIndexOf(':') + 1)}${text('AliasName')}`
      const tagged = { 'aws:ResourceTag/vault': 'kyc-document-vault' }
      return [
        { action: `kms:${name}`, resource: alias, keys: {} },
        { action: `kms:${name}`, resource: target, keys: tagged },
        // Of the key that it is on so far, the right is needed too.
        ...(name === 'UpdateAlias' ? [await key(name, 'AliasName')] : []),
      ]
    }
    case 'HeadBucket':
    case 'ListObjectsV2':
      return [bucket('ListBucket')]
    case 'ListObjectVersions':
      return [bucket('ListBucketVersions')]
    case 'GetBucketVersioning':
    case 'GetBucketPolicyStatus':
      return [bucket(name)]
    case 'GetBucketEncryption':
      return [bucket('GetEncryptionConfiguration')]
    case 'GetPublicAccessBlock':
      return [bucket('GetBucketPublicAccessBlock')]
    case 'GetBucketReplication':
      return [bucket('GetReplicationConfiguration')]
    case 'GetObjectLockConfiguration':
      return [bucket('GetBucketObjectLockConfiguration')]
    case 'HeadObject':
    case 'GetObject':
      return [object('GetObject')]
    case 'PutObject':
      return input.ObjectLockMode === undefined
        ? [object('PutObject')]
        : [object('PutObject'), object('PutObjectRetention')]
    case 'DeleteObject':
      return [
        object(input.VersionId === undefined || input.VersionId === 'null' ? 'DeleteObject' : 'DeleteObjectVersion'),
      ]
    default:
      throw new Error(`what right does ${name} need?`)
  }
}

const matches = (pattern: string, value: string): boolean =>
  pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : value === pattern

/** The statements that allow it; IAM denies what none allows. */
export function allowing(policy: IamPolicy, { action, resource, keys }: Asked): readonly string[] {
  return policy.Statement.filter(
    ({ Action, Resource, Condition }) =>
      Action.includes(action) &&
      Resource.some(pattern => matches(pattern, resource)) &&
      Object.entries(Condition?.StringEquals ?? {}).every(([key, value]) => keys[key] === value),
  ).map(({ Sid }) => Sid)
}

/** Every call is allowed, and every action and resource of the policy is needed by one of them. */
export async function requireExact(policy: IamPolicy, sent: readonly SentCommand[], resolve: Resolve): Promise<void> {
  const asked = (await Promise.all(sent.map(one => askedFor(one, resolve)))).flat()
  for (const one of asked)
    assert.notDeepEqual(allowing(policy, one), [], `${one.action} on ${one.resource} is not allowed`)
  for (const { Sid, Action, Resource } of policy.Statement) {
    for (const action of Action) {
      assert.ok(
        asked.some(one => one.action === action && allowing(policy, one).includes(Sid)),
        `${Sid}: ${action} is not needed`,
      )
    }
    for (const pattern of Resource) {
      const isNeeded = asked.some(one => Action.includes(one.action) && matches(pattern, one.resource))
      assert.ok(isNeeded, `${Sid}: ${pattern} is not needed`)
    }
  }
}
