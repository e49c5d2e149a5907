import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { suite, test } from 'node:test'
import { DescribeKeyCommand } from '@aws-sdk/client-kms'
import type { IamPolicy } from '../../src/adapters/aws-policies.ts'
import { openBacking } from '../../src/backing.ts'
import { type ProductionConfig, readConfig } from '../../src/config.ts'
import type { DocumentId, MessageId, TenantId } from '../../src/domain/ids.ts'
import type { ProcessRole } from '../../src/domain/process-role.ts'
import type { DestroyedMark } from '../../src/ports/destroyed.ts'
import type { DataKey } from '../../src/ports/keyring.ts'
import type { Ports } from '../../src/ports/ports.ts'
import { initProductionKeys } from '../../src/production-keys.ts'
import { migrateProductionStores } from '../../src/production-stores.ts'
import { allowing, type Resolve, requireExact } from '../support/iam.ts'
import { freshKms, type KmsKit } from '../support/kms-keys.ts'
import { productionPlace, productionSkip } from '../support/production-place.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { recordAws, type SentCommand } from '../support/recorded-aws.ts'

const skip = productionSkip
const tenant = 'omo7777' as TenantId
const context = { document: 'd', fmt: '1', purpose: 'document', subject: 's', tenant }

interface Site extends AsyncDisposable {
  readonly config: ProductionConfig
  readonly resolve: Resolve
  /** Made before the flip, and of two epochs. */
  readonly old: DataKey
  readonly former: string
  policies(): Promise<Readonly<Record<string, IamPolicy>>>
}

/** A vault on real servers in the midst of a rotation, which is when every right is used. */
async function site(): Promise<Site> {
  await using stack = new AsyncDisposableStack()
  const place = stack.use(await productionPlace())
  const kms: KmsKit = stack.use(await freshKms())
  const { client } = kms
  for (const [name, value] of Object.entries(place.settings)) if (name.startsWith('AWS_')) process.env[name] = value
  const config = readConfig({ ...place.settings, VAULT_S3_PREFIX: 'vault/' })
  assert.ok(config.backing === 'production')
  await initProductionKeys(config, { doorKey: place.doorKey, policiesOnly: false })
  await migrateProductionStores(config)
  const [old, former] = await withPorts(config, ['intake', 'access', 'keys'], async ({ keyring }) => {
    const made = await keyring.newDataKey(rawGrant, context)
    const { from } = await keyring.beginEpoch(rawGrant, tenant)
    return [made, from] as const
  })
  const known = new Map<string, string>()
  const ask: Resolve = async name => {
    if (name.startsWith('arn:') && !name.includes(':alias/')) return name
    const found = await client.send(new DescribeKeyCommand({ KeyId: name })).catch(() => undefined)
    return found?.KeyMetadata?.Arn ?? ''
  }
  // As it was when it was asked first: aliases move on.
  const resolve: Resolve = async name => {
    const arn = known.get(name) ?? (await ask(name))
    known.set(name, arn)
    return arn
  }
  await Promise.all([resolve(config.kms.documentsKey), resolve(`${config.kms.documentsKey}-former`)])
  const held = stack.move()
  return {
    config,
    resolve,
    old,
    former,
    policies: async () => (await initProductionKeys(config, { doorKey: undefined, policiesOnly: true })).policies.aws,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

async function withPorts<Result>(
  config: ProductionConfig,
  roles: readonly ProcessRole[],
  work: (ports: Ports) => Promise<Result>,
): Promise<Result> {
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
  await using backing = await openBacking(config, { roles, log })
  return await work(backing.ports)
}

const blobKey = (): string => {
  const name = randomBytes(32).toString('hex')
  return `v1/${name.slice(0, 2)}/${name}`
}
const never = new AbortController().signal
const bytes = [Buffer.from('sealed')]

suite('the printed policies are what each role’s code asks of KMS and S3, no more and no less', { skip }, () => {
  test('upload', async () => {
    await using at = await site()
    const policy = (await at.policies())['upload'] as IamPolicy
    using record = recordAws()
    await withPorts(at.config, ['intake'], async ({ keyring, blobs, destroyed }) => {
      await keyring.ready()
      await keyring.newDataKey(rawGrant, context)
      await keyring.mac('blind-index', Buffer.from('x'))
      await keyring.mac('door', Buffer.from('x'))
      await blobs.ready()
      await blobs.put(rawGrant, blobKey(), bytes, never)
      // As after an answer that was lost: what lies there is looked at.
      await headOf(blobs.open(blobKey()))
      await destroyed.newest()
      await anchorsOf(destroyed.list())
    })
    await requireExact(policy, withAnchorRead(record.sent, at.config), at.resolve)
  })

  test('read', async () => {
    await using at = await site()
    const policy = (await at.policies())['read'] as IamPolicy
    const key = blobKey()
    const made = await withPorts(at.config, ['intake'], async ({ keyring, blobs }) => {
      await blobs.put(rawGrant, key, bytes, never)
      return keyring.newDataKey(rawGrant, context)
    })
    using record = recordAws()
    await withPorts(at.config, ['access'], async ({ keyring, blobs, destroyed }) => {
      await keyring.ready()
      await keyring.unwrap(rawGrant, at.old.edks, context)
      await keyring.unwrap(rawGrant, made.edks, context)
      await keyring.mac('door', Buffer.from('x'))
      await blobs.ready()
      await using blob = await blobs.open(key)
      assert.equal(Buffer.concat(await Array.fromAsync(blob.read(0, blob.sizeBytes, never))).toString(), 'sealed')
      await destroyed.newest()
    })
    await requireExact(policy, withAnchorRead(record.sent, at.config), at.resolve)
  })

  test('purge has no right at KMS', async () => {
    await using at = await site()
    const policy = (await at.policies())['purge'] as IamPolicy
    assert.deepEqual(
      policy.Statement.flatMap(({ Action }) => Action).filter(action => action.startsWith('kms:')),
      [],
    )
    const key = blobKey()
    await withPorts(at.config, ['intake'], ({ blobs }) => blobs.put(rawGrant, key, bytes, never))
    using record = recordAws()
    await withPorts(at.config, ['jobs'], async ({ blobs, destroyed }) => {
      await Array.fromAsync(blobs.list(Number.MAX_SAFE_INTEGER))
      await blobs.delete(rawGrant, key)
      await destroyed.append(rawGrant, [aMark()])
      assert.equal((await destroyed.newest()).length, 1)
    })
    // A bucket without versions names its one version `null`, whose removal is a right of its own.
    const unversioned = { name: 'DeleteObject', input: { Bucket: at.config.s3.bucket, Key: `vault/${key}` } }
    await requireExact(policy, [...record.sent, unversioned], at.resolve)
  })

  test('rewrap has ReEncrypt from the old and to the exact new key, and nothing that opens or makes', async () => {
    await using at = await site()
    const policy = (await at.policies())['rewrap'] as IamPolicy
    const kms = policy.Statement.flatMap(({ Action }) => Action).filter(action => action.startsWith('kms:'))
    assert.deepEqual(kms, ['kms:DescribeKey', 'kms:ReEncryptFrom', 'kms:ReEncryptTo'])
    const to = policy.Statement.find(({ Sid }) => Sid === 'RewrapTo')
    assert.equal(to?.Resource.length, 1)
    using record = recordAws()
    await withPorts(at.config, ['keys'], async ({ keyring, destroyed }) => {
      await keyring.ready()
      const { active, former } = await keyring.epochs(tenant)
      assert.deepEqual([former, to?.Resource], [[at.former], [active]])
      await keyring.rewrap(rawGrant, at.old.edks, context, active)
      await destroyed.newest()
    })
    await requireExact(policy, withAnchorRead(record.sent, at.config), at.resolve)
    const made = record.sent.map(({ name }) => name)
    for (const name of ['Decrypt', 'GenerateDataKey', 'HeadBucket', 'PutObject']) assert.ok(!made.includes(name), name)
  })

  test('retire disables and ends the former key alone, rotate makes one and moves the aliases', async () => {
    await using at = await site()
    const { retire, rotate } = await at.policies()
    assert.ok(retire && rotate)
    {
      using record = recordAws()
      // As every command that holds the right begins: whether the stores are older than what was destroyed.
      await withPorts(at.config, ['keys'], async ({ keyring, destroyed }) => {
        await destroyed.newest()
        await keyring.epochs(tenant)
        await keyring.disableEpoch(rawGrant, at.former)
        await keyring.endEpoch(rawGrant, at.former)
      })
      await requireExact(retire, withAnchorRead(record.sent, at.config), at.resolve)
    }
    using record = recordAws()
    await withPorts(at.config, ['keys'], async ({ keyring, destroyed }) => {
      await destroyed.newest()
      await keyring.epochs(tenant)
      await keyring.beginEpoch(rawGrant, tenant)
    })
    // Before the first flip there is no former alias to move.
    const first = record.sent.flatMap(({ name, input }) =>
      name === 'UpdateAlias' ? [{ name: 'CreateAlias', input }] : [],
    )
    await requireExact(rotate, withAnchorRead([...record.sent, ...first], at.config), at.resolve)
  })

  test('no policy allows what it must not: other purposes, keys, names, or a key of nobody’s', async () => {
    await using at = await site()
    const all = await at.policies()
    const door = JSON.parse(await readFile(at.config.kms.doorFile, 'utf8')).key as string
    const [upload, read, rewrap] = [all['upload'], all['read'], all['rewrap']] as const
    assert.ok(upload && read && rewrap)
    const papers = { 'kms:EncryptionContext:purpose': 'document', 'kms:EncryptionContext:fmt': '1' }
    const other = { 'kms:EncryptionContext:purpose': 'trail-day', 'kms:EncryptionContext:fmt': '1' }
    const key = await at.resolve(at.config.kms.documentsKey)
    const denied: readonly (readonly [IamPolicy, string, string, Readonly<Record<string, string>>])[] = [
      [upload, 'kms:Decrypt', key, papers],
      [upload, 'kms:GenerateDataKey', key, other],
      [upload, 'kms:GenerateDataKey', at.former, papers],
      [upload, 'kms:Decrypt', door, papers],
      [upload, 's3:DeleteObject', `arn:aws:s3:::${at.config.s3.bucket}/vault/${blobKey()}`, {}],
      [upload, 's3:PutObject', `arn:aws:s3:::${at.config.s3.bucket}/elsewhere/${blobKey()}`, {}],
      [read, 'kms:GenerateDataKey', key, papers],
      [read, 'kms:Decrypt', key, other],
      [read, 's3:PutObject', `arn:aws:s3:::${at.config.s3.bucket}/vault/${blobKey()}`, {}],
      [rewrap, 'kms:ReEncryptTo', at.former, papers],
      [rewrap, 'kms:ReEncryptTo', `${key.slice(0, -1)}x`, papers],
      [rewrap, 'kms:ReEncryptFrom', door, papers],
      [rewrap, 'kms:Decrypt', key, papers],
    ]
    for (const [policy, action, resource, keys] of denied) {
      assert.deepEqual(allowing(policy, { action, resource, keys }), [], `${action} on ${resource}`)
    }
  })
})

async function headOf(opening: Promise<unknown>): Promise<void> {
  await opening.catch(() => undefined)
}

async function anchorsOf(list: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of list) break
}

function aMark(): DestroyedMark {
  return {
    tenant,
    document: '01900000-0000-7000-8000-000000000001' as DocumentId,
    messageId: randomBytes(32).toString('hex') as MessageId,
    atMs: Date.now(),
    intent: { log: 'omo7777/2026', index: 0, leafHash: 'x' },
  }
}

/** Where nothing was destroyed yet there is no mark to read. */
function withAnchorRead(sent: readonly SentCommand[], { anchor }: ProductionConfig): readonly SentCommand[] {
  const input = { Bucket: anchor.bucket, Key: 'vault/destroyed/v1/omo7777/0000000001.json' }
  return [...sent, { name: 'GetObject', input }]
}
