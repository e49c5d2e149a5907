import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import {
  CreateAliasCommand,
  CreateKeyCommand,
  type CreateKeyCommandInput,
  DeleteAliasCommand,
  DescribeKeyCommand,
  KMSClient,
  ScheduleKeyDeletionCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-kms'
import { initDoorFile } from '../../src/adapters/kms-door.ts'
import type { KmsKeyringOptions } from '../../src/adapters/kms-keyring.ts'
import { emptyFolder } from './folder.ts'
import { needsVariable } from './needs.ts'

const endpoint = needsVariable('VAULT_TEST_KMS_ENDPOINT', 'a KMS server')
const region = needsVariable('VAULT_TEST_KMS_REGION', 'a KMS server')

export const kmsNeeds = {
  skip: endpoint.skip || region.skip,
  endpoint: endpoint.value,
  region: region.value,
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
} as const

export interface KmsKit extends AsyncDisposable {
  readonly client: KMSClient
  readonly options: KmsKeyringOptions & { readonly doorFile: string }
  /** ARN of the key behind the alias of the documents at the beginning. */
  readonly documentsArn: string
  /** Alias of the key that wraps the door's secret. */
  readonly doorKey: string
  /** Points the alias of the documents to a new key. @returns its ARN */
  flip(): Promise<string>
}

const hmac: CreateKeyCommandInput = { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' }

/** Keys behind aliases of the test's own, and a door file; all of it goes when it is disposed of. */
export async function freshKms(): Promise<KmsKit> {
  const { endpoint, region, credentials } = kmsNeeds
  const client = new KMSClient({ endpoint, region, credentials })
  const folder = await emptyFolder()
  const own = randomBytes(8).toString('hex')
  const made: string[] = []
  const aliases: string[] = []
  const makeKey = async (input: CreateKeyCommandInput = {}): Promise<string> => {
    const { KeyMetadata } = await client.send(new CreateKeyCommand(input))
    if (KeyMetadata?.Arn === undefined) throw new Error('KMS made a key without a name')
    made.push(KeyMetadata.Arn)
    return KeyMetadata.Arn
  }
  const alias = async (purpose: string, arn: string): Promise<string> => {
    const AliasName = `alias/vault-${own}-${purpose}`
    await client.send(new CreateAliasCommand({ AliasName, TargetKeyId: arn }))
    aliases.push(AliasName)
    return AliasName
  }
  const documentsArn = await makeKey()
  const documents = await alias('documents', documentsArn)
  const blindIndex = await alias('blind-index', await makeKey(hmac))
  const door = await alias('door', await makeKey())
  const doorFile = join(folder.path, 'door.json')
  await initDoorFile({ endpoint, region, credentials }, door, doorFile)
  return {
    client,
    options: { endpoint, region, credentials, keys: { documents, blindIndex }, doorFile },
    documentsArn,
    doorKey: door,
    async flip() {
      const arn = await makeKey()
      await client.send(new UpdateAliasCommand({ AliasName: documents, TargetKeyId: arn.split('/')[1] }))
      return arn
    },
    async [Symbol.asyncDispose]() {
      const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId: documents }))
      if (KeyMetadata?.Arn !== undefined && !made.includes(KeyMetadata.Arn)) made.push(KeyMetadata.Arn)
      // Left by a flip, if there was one.
      await Promise.allSettled([client.send(new DeleteAliasCommand({ AliasName: `${documents}-former` }))])
      for (const AliasName of aliases) await client.send(new DeleteAliasCommand({ AliasName }))
      const ends = made.map(KeyId => client.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 })))
      // Those whose end a test ordered are refused.
      await Promise.allSettled(ends)
      client.destroy()
      await folder[Symbol.asyncDispose]()
    },
  }
}
