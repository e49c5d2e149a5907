import {
  CreateAliasCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  GetKeyPolicyCommand,
  type KeyMetadata,
  type KMSClient,
  ScheduleKeyDeletionCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-kms'
import { VaultError } from '../domain/errors.ts'
import { askKms } from './kms-client.ts'
import { formerAliasOf } from './kms-key-set.ts'

/** Says of a key whose it is; what was made by hand may carry others. */
export const vaultTags = (purpose: string) => [
  { TagKey: 'vault', TagValue: 'kyc-document-vault' },
  { TagKey: 'vault:purpose', TagValue: purpose },
]

/**
 * A new key under the policy of the one before, then the former alias on the old key, then the alias on the new one: whoever
 * starts in between finds both. Done again after a crash it leaves at most a key behind that nothing names.
 *
 * @throws {VaultError} keys.rotating - the key is named without an alias, or an earlier flip has not come to its end
 */
export async function beginKmsEpoch(
  client: KMSClient,
  name: string,
): Promise<{ readonly from: string; readonly to: string }> {
  const former = formerAliasOf(name)
  if (former === undefined) throw new VaultError('keys.rotating', { detail: 'the key is named without an alias' })
  const { Arn: from, MultiRegion } = await factsOf(client, name)
  const left = await factsOf(client, former).catch(noneThere)
  if (left && left.Arn !== from && left.KeyState !== 'PendingDeletion') {
    throw new VaultError('keys.rotating', { detail: 'the former key has not come to its end' })
  }
  const policy = new GetKeyPolicyCommand({ KeyId: from })
  // AWS always has one; other servers may not.
  const { Policy } = (await askKms(options => client.send(policy, options)).catch(noneThere)) ?? {}
  const create = new CreateKeyCommand({
    Description: 'KYC document vault: wraps the data keys of papers',
    Tags: vaultTags('documents'),
    ...(Policy === undefined ? {} : { Policy }),
    ...(MultiRegion ? { MultiRegion } : {}),
  })
  const { KeyMetadata } = await askKms(options => client.send(create, options))
  const to = arnIn(KeyMetadata)
  await pointAlias(client, former, from, left !== undefined)
  await pointAlias(client, name, to, true)
  return { from, to }
}

/** @throws {VaultError} keys.unavailable - KMS does not, or not for this caller */
export async function disableKmsKey(client: KMSClient, arn: string): Promise<void> {
  const { KeyState } = await factsOf(client, arn)
  if (KeyState === 'Disabled' || KeyState === 'PendingDeletion') return
  await askKms(options => client.send(new DisableKeyCommand({ KeyId: arn }), options))
}

/**
 * @param days 7 to 30, as KMS waits before a key is gone
 * @returns epoch ms of that
 * @throws {VaultError} keys.refused - the key is not disabled
 */
export async function scheduleKmsEnd(client: KMSClient, arn: string, days: number): Promise<number> {
  const { KeyState, DeletionDate } = await factsOf(client, arn)
  if (KeyState === 'PendingDeletion' && DeletionDate) return DeletionDate.getTime()
  if (KeyState !== 'Disabled') throw new VaultError('keys.refused')
  const command = new ScheduleKeyDeletionCommand({ KeyId: arn, PendingWindowInDays: days })
  const { DeletionDate: at } = await askKms(options => client.send(command, options))
  if (!at) throw new VaultError('keys.unavailable')
  return at.getTime()
}

async function pointAlias(client: KMSClient, name: string, arn: string, isThere: boolean): Promise<void> {
  const input = { AliasName: name.slice(name.indexOf('alias/')), TargetKeyId: arn.slice(arn.lastIndexOf('/') + 1) }
  await askKms(options =>
    isThere ? client.send(new UpdateAliasCommand(input), options) : client.send(new CreateAliasCommand(input), options),
  )
}

type Facts = Pick<KeyMetadata, 'KeyState' | 'DeletionDate' | 'MultiRegion'> & { readonly Arn: string }

async function factsOf(client: KMSClient, name: string): Promise<Facts> {
  const { KeyMetadata } = await askKms(options => client.send(new DescribeKeyCommand({ KeyId: name }), options))
  return { ...KeyMetadata, Arn: arnIn(KeyMetadata) }
}

function noneThere(error: unknown): undefined {
  if (error instanceof VaultError && error.code === 'keys.refused') return
  throw error
}

function arnIn(metadata: KeyMetadata | undefined): string {
  if (metadata?.Arn === undefined) throw new VaultError('keys.unavailable')
  return metadata.Arn
}
