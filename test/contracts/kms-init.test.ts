import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  CreateKeyCommand,
  DeleteAliasCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  KMSClient,
  ListResourceTagsCommand,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms'
import { type NeededKey, readyKmsKeys } from '../../src/adapters/kms-init.ts'
import { readTenantKeys } from '../../src/adapters/kms-tenant-keys.ts'
import { emptyFolder } from '../support/folder.ts'
import { kmsNeeds } from '../support/kms-keys.ts'
import { refused } from '../support/refused.ts'

const { skip, endpoint, region, credentials } = kmsNeeds
const place = { endpoint, region, credentials }

function needed(): readonly NeededKey[] {
  const own = randomBytes(8).toString('hex')
  return (['documents', 'blind-index', 'door'] as const).map(purpose => ({
    purpose,
    name: `alias/vault-${own}-${purpose}`,
    field: `VAULT_${purpose}`,
  }))
}

async function cleared(arns: readonly string[], aliases: readonly string[]): Promise<void> {
  const client = new KMSClient(place)
  for (const AliasName of aliases) await client.send(new DeleteAliasCommand({ AliasName }))
  for (const KeyId of arns) await client.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }))
  client.destroy()
}

test('missing keys are made by their aliases, of the right kind and with the vault’s tags, and adopted from then on', {
  skip,
}, async () => {
  const wish = needed()
  const made = await readyKmsKeys(place, wish, true)
  assert.deepEqual(
    made.map(({ isNew }) => isNew),
    [true, true, true],
  )
  const again = await readyKmsKeys(place, wish, true)
  const looked = await readyKmsKeys(place, wish, false)
  for (const found of [again, looked])
    assert.deepEqual(
      found,
      made.map(key => ({ ...key, isNew: false })),
    )
  const client = new KMSClient(place)
  const kinds = await Promise.all(
    made.map(async ({ arn }) => {
      const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId: arn }))
      const { Tags } = await client.send(new ListResourceTagsCommand({ KeyId: arn }))
      const purpose = Tags?.find(({ TagKey }) => TagKey === 'vault:purpose')?.TagValue
      return `${purpose} ${KeyMetadata?.KeySpec}`
    }),
  )
  client.destroy()
  assert.deepEqual(kinds, ['documents SYMMETRIC_DEFAULT', 'blind-index HMAC_256', 'door SYMMETRIC_DEFAULT'])
  await cleared(
    made.map(({ arn }) => arn),
    wish.map(({ name }) => name),
  )
})

test('what is missing, of another kind or not in use is refused in words, and nothing is made by a look', {
  skip,
}, async () => {
  const client = new KMSClient(place)
  const [documents, blindIndex] = needed()
  assert.ok(documents && blindIndex)
  const problem = async (key: NeededKey, mayMake: boolean): Promise<string> => {
    const { facts } = await refused(readyKmsKeys(place, [key], mayMake), 'config.invalid')
    return `${facts.problems?.[0]?.field} ${facts.problems?.[0]?.message}`
  }
  assert.equal(await problem(documents, false), 'VAULT_documents names an alias that is not there: run `keys init`')
  assert.equal(await problem(documents, false), 'VAULT_documents names an alias that is not there: run `keys init`')
  const { KeyMetadata } = await client.send(new CreateKeyCommand({}))
  const name = KeyMetadata?.Arn ?? ''
  const absent = `${name.slice(0, -1)}${name.endsWith('0') ? '1' : '0'}`
  assert.equal(await problem({ ...documents, name: absent }, true), 'VAULT_documents names a key that is not there')
  assert.equal(await problem({ ...blindIndex, name }, true), 'VAULT_blind-index names a key that is no HMAC_256')
  await client.send(new DisableKeyCommand({ KeyId: name }))
  assert.equal(await problem({ ...documents, name }, true), 'VAULT_documents names a key that is Disabled')
  const [former] = await readyKmsKeys(place, [{ ...documents, purpose: 'former', name }], true)
  assert.equal(former?.arn, name)
  client.destroy()
  await cleared([name], [])
})

test('the file of tenants’ own keys is JSON of tenant and key, and anything else is refused', async () => {
  await using folder = await emptyFolder()
  const path = join(folder.path, 'keys.json')
  assert.deepEqual(await readTenantKeys(undefined), new Map())
  await writeFile(path, '{"jnetot":"alias/vault-jnetot"}')
  assert.deepEqual([...(await readTenantKeys(path))], [['jnetot', 'alias/vault-jnetot']])
  const twice = '{"jnetot":"alias/x","jnetot":"alias/y"}'
  const odd = ['{"NO SUCH":"alias/x"}', '{"__proto__":"alias/x"}', '{"constructor":"alias/x"}']
  for (const text of ['', '[]', ...odd, twice, '{"jnetot":""}', '{"jnetot":{"key":"alias/x"}}']) {
    await writeFile(path, text)
    const { facts } = await refused(readTenantKeys(path), 'config.invalid')
    assert.equal(facts.problems?.[0]?.field, 'VAULT_KMS_TENANT_KEYS_FILE')
  }
  await refused(readTenantKeys(join(folder.path, 'absent.json')), 'config.invalid')
})
