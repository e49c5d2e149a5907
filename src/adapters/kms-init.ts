import {
  CreateAliasCommand,
  CreateKeyCommand,
  type CreateKeyCommandInput,
  DescribeKeyCommand,
  type KeyMetadata,
  type KMSClient,
  ListResourceTagsCommand,
  TagResourceCommand,
} from '@aws-sdk/client-kms'
import { VaultError } from '../domain/errors.ts'
import { askKms, type KmsPlace, newKmsClient } from './kms-client.ts'
import { vaultTags } from './kms-epochs.ts'
import { formerAliasOf } from './kms-key-set.ts'

/** A key the vault needs, as a setting or an argument names it. */
export interface NeededKey {
  /** Alias, id or ARN; only one that is named by an alias can be made. */
  readonly name: string
  /** `former` wraps nothing any more, and may be disabled already. */
  readonly purpose: 'documents' | 'blind-index' | 'door' | 'former'
  /** Which setting or argument names it. */
  readonly field: string
}

/** A key that is there and fit for its purpose. */
export interface ReadyKey extends NeededKey {
  readonly arn: string
  /** Left by a flip, while that has not come to its end. */
  readonly formerArn?: string
  readonly isNew: boolean
}

const spec = (purpose: NeededKey['purpose']) =>
  purpose === 'blind-index'
    ? ({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' } as const)
    : ({ KeySpec: 'SYMMETRIC_DEFAULT', KeyUsage: 'ENCRYPT_DECRYPT' } as const)

/**
 * Adopts each key that is there, and makes those that are missing, behind their alias and with the vault's tags. May be repeated.
 *
 * @param mayMake false to look only
 * @throws {VaultError} config.invalid - a key is of another kind, not in use, or missing and cannot be made; in words
 * @throws {VaultError} keys.unavailable - KMS does not answer, or not to these credentials
 */
export async function readyKmsKeys(
  place: KmsPlace,
  needed: readonly NeededKey[],
  mayMake: boolean,
): Promise<readonly ReadyKey[]> {
  const client = newKmsClient(place)
  try {
    const ready: ReadyKey[] = []
    for (const one of needed) ready.push(await readyKey(client, one, mayMake))
    return ready
  } finally {
    client.destroy()
  }
}

async function readyKey(client: KMSClient, needed: NeededKey, mayMake: boolean): Promise<ReadyKey> {
  const found = await describe(client, needed.name)
  const isFormer = needed.purpose === 'former'
  if (!found && isFormer) throw unfit(needed, 'names a key that is not there')
  if (!found) return { ...needed, arn: await makeKey(client, needed, mayMake), isNew: true }
  const { KeySpec, KeyUsage } = spec(needed.purpose)
  if (found.KeySpec !== KeySpec || found.KeyUsage !== KeyUsage) throw unfit(needed, `names a key that is no ${KeySpec}`)
  if (found.KeyState !== 'Enabled' && !isFormer)
    throw unfit(needed, `names a key that is ${found.KeyState ?? 'unknown'}`)
  const arn = arnIn(found)
  if (mayMake && !isFormer) await tag(client, arn, needed.purpose)
  const alias = needed.purpose === 'documents' ? formerAliasOf(needed.name) : undefined
  const former = alias === undefined ? undefined : await describe(client, alias)
  return { ...needed, arn, isNew: false, ...(former ? { formerArn: arnIn(former) } : {}) }
}

async function makeKey(client: KMSClient, { name, purpose, field }: NeededKey, mayMake: boolean): Promise<string> {
  if (!name.startsWith('alias/')) throw unfit({ field }, 'names a key that is not there')
  if (!mayMake) throw unfit({ field }, 'names an alias that is not there: run `keys init`')
  const input: CreateKeyCommandInput = {
    ...spec(purpose),
    Description: `KYC document vault: ${purpose}`,
    Tags: vaultTags(purpose),
  }
  const { KeyMetadata } = await askKms(options => client.send(new CreateKeyCommand(input), options))
  const arn = arnIn(KeyMetadata)
  const alias = new CreateAliasCommand({ AliasName: name, TargetKeyId: arn.slice(arn.lastIndexOf('/') + 1) })
  await askKms(options => client.send(alias, options))
  return arn
}

/** A key that was made by hand gets the tags that rights may be bound to. */
async function tag(client: KMSClient, arn: string, purpose: string): Promise<void> {
  const list = new ListResourceTagsCommand({ KeyId: arn })
  const { Tags = [] } = await askKms(options => client.send(list, options))
  const missing = vaultTags(purpose).filter(({ TagKey }) => Tags.every(one => one.TagKey !== TagKey))
  if (missing.length === 0) return
  await askKms(options => client.send(new TagResourceCommand({ KeyId: arn, Tags: missing }), options))
}

async function describe(client: KMSClient, name: string): Promise<KeyMetadata | undefined> {
  try {
    return (await askKms(options => client.send(new DescribeKeyCommand({ KeyId: name }), options))).KeyMetadata
  } catch (error) {
    if (error instanceof VaultError && error.code === 'keys.refused') return undefined
    throw error
  }
}

function arnIn(metadata: KeyMetadata | undefined): string {
  if (metadata?.Arn === undefined) throw new VaultError('keys.unavailable')
  return metadata.Arn
}

function unfit({ field }: Pick<NeededKey, 'field'>, message: string): VaultError {
  return new VaultError('config.invalid', { problems: [{ field, message }] })
}
