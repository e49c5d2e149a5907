import { DescribeKeyCommand, GenerateDataKeyCommand, GenerateMacCommand, type KMSClient } from '@aws-sdk/client-kms'
import { VaultError } from '../domain/errors.ts'
import { askKms, type KmsPlace, newKmsClient } from './kms-client.ts'
import { openDoorFile } from './kms-door.ts'

/** A key as a setting names it, and what it is for. */
export interface KeyQuestion {
  /** Id, alias or ARN. */
  readonly key: string
  readonly spec: 'SYMMETRIC_DEFAULT' | 'HMAC_256'
  /** Whether this process is to make data keys or MACs with it: then that is tried, for no effect where the service knows how. */
  readonly makes: boolean
}

/** What KMS says of one key; `undefined` when it does not answer. */
export type KeyFacts =
  | {
      /** Of the key and each replica of it. */
      readonly regions: readonly string[]
      /** Such as `Enabled`, `Disabled` or `PendingDeletion`. */
      readonly state: string
      readonly spec: string
      /** Absent where it was not tried. */
      readonly isUsable?: boolean
    }
  | 'unknown'
  | undefined

/** Asks KMS about each key; makes nothing that is kept, and opens nothing. */
export async function inspectKeys(place: KmsPlace, questions: readonly KeyQuestion[]): Promise<readonly KeyFacts[]> {
  const client = newKmsClient(place)
  try {
    return await Promise.all(questions.map(question => inspectKey(client, question)))
  } finally {
    client.destroy()
  }
}

/**
 * Opens the door's secret and forgets it.
 * @throws {VaultError} config.invalid, keys.unavailable - as `openDoorFile`
 */
export async function tryDoorFile(place: KmsPlace, path: string): Promise<void> {
  const client = newKmsClient(place)
  try {
    await openDoorFile(client, path)
  } finally {
    client.destroy()
  }
}

async function inspectKey(client: KMSClient, { key, spec, makes }: KeyQuestion): Promise<KeyFacts> {
  const found = await describe(client, key)
  if (found === undefined || found === 'unknown') return found
  const { Arn, KeyState, KeySpec, MultiRegionConfiguration: copies } = found
  const arns = [Arn, copies?.PrimaryKey?.Arn, ...(copies?.ReplicaKeys ?? []).map(({ Arn: arn }) => arn)]
  const regions = new Set(arns.flatMap(arn => arn?.split(':')[3] ?? []))
  const facts = { regions: [...regions], state: KeyState ?? 'unknown', spec: KeySpec ?? 'unknown' }
  if (!makes || facts.state !== 'Enabled' || facts.spec !== spec) return facts
  return { ...facts, isUsable: await isUsable(client, key, spec) }
}

async function describe(client: KMSClient, key: string) {
  try {
    const { KeyMetadata } = await askKms(options => client.send(new DescribeKeyCommand({ KeyId: key }), options))
    return KeyMetadata ?? 'unknown'
  } catch (error) {
    if (error instanceof VaultError && error.code === 'keys.refused') return 'unknown'
    return answeredBy(error) ? 'unknown' : undefined
  }
}

/** Said of the very call that the vault makes, with the question whether it would be allowed; some servers make it. */
async function isUsable(client: KMSClient, key: string, spec: KeyQuestion['spec']): Promise<boolean> {
  try {
    await askKms(options => tryOut(client, key, spec, options))
    return true
  } catch (error) {
    return (
      error instanceof VaultError && error.cause instanceof Error && error.cause.name === 'DryRunOperationException'
    )
  }
}

async function tryOut(
  client: KMSClient,
  KeyId: string,
  spec: KeyQuestion['spec'],
  options: { abortSignal: AbortSignal },
): Promise<void> {
  if (spec === 'HMAC_256') {
    const message = { Message: new Uint8Array(1), MacAlgorithm: 'HMAC_SHA_256', DryRun: true } as const
    await client.send(new GenerateMacCommand({ KeyId, ...message }), options)
    return
  }
  const EncryptionContext = { fmt: '1', purpose: 'document' }
  const command = { KeyId, KeySpec: 'AES_256', EncryptionContext, DryRun: true } as const
  const { Plaintext } = await client.send(new GenerateDataKeyCommand(command), options)
  Plaintext?.fill(0)
}

/** A refusal has a status of its own below 500; silence and failures of the service have not. */
function answeredBy(error: unknown): boolean {
  const cause = error instanceof VaultError ? error.cause : error
  if (!(cause instanceof Error) || !('$metadata' in cause)) return false
  const { $metadata: metadata } = cause as { readonly $metadata?: { readonly httpStatusCode?: number } }
  const status = metadata?.httpStatusCode
  return status !== undefined && status >= 400 && status < 500 && cause.name !== 'ThrottlingException'
}
