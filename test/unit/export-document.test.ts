import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after } from 'node:test'
import {
  buildClient,
  CommitmentPolicy,
  RawAesKeyringNode,
  RawAesWrappingSuiteIdentifier,
} from '@aws-crypto/client-node'
import { exportDocument } from '../../src/access/export-document.ts'
import { makeFirstKeys } from '../../src/access/first-keys.ts'
import { openVault } from '../../src/compose.ts'
import { readConfig } from '../../src/config.ts'
import type { Caller } from '../../src/domain/caller.ts'
import type { StoredDocument } from '../../src/domain/document.ts'
import { type CaseReference, parseDocumentId, parseTenantId, type SubjectReference } from '../../src/domain/ids.ts'
import { documentContext } from '../../src/domain/key-context.ts'
import type { Role } from '../../src/domain/role.ts'
import { entriesOf } from '../../src/guards/entry-bundle.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { deposit } from '../../src/intake/deposit.ts'
import { drawAddressProof } from '../support/papers.ts'

const folder = await mkdtemp(join(tmpdir(), 'vault-export-'))
const opened = await openVault(
  readConfig({ VAULT_DATA_DIR: join(folder, 'data'), VAULT_KEYS_DIR: join(folder, 'keys'), VAULT_READ_BUDGET: '100' }),
)
after(async () => {
  await opened[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})
const { vault } = opened
const firstKeys = await makeFirstKeys(vault, async () => {})
const tenant = parseTenantId('nomor-keluar')
assert.ok(tenant)
const never = new AbortController().signal
const reason = { purpose: 'legal', case: 'court/2026-114' as CaseReference }
const recipient = { namespace: 'court', keyName: 'court/1', wrappingKey: randomBytes(32) }

async function callerWith(role: Role): Promise<Caller> {
  const key = firstKeys.find(each => each.tenant === tenant && each.role === role)
  const caller = key && (await vault.identity.identify(key.key, `test-${role}`))
  assert.ok(caller)
  return caller
}

let deposited = 0

async function depositPaper(): Promise<StoredDocument> {
  deposited++
  const answer = await deposit(vault, await callerWith('onboarding'), {
    reference: `export-${deposited}` as SubjectReference,
    type: 'address',
    kind: 'utility-bill',
    idempotency: { scope: 'POST /v1/subjects/export/documents', key: `export-${deposited}` },
    collect: async () => drawAddressProof(),
    signal: never,
  })
  const id = parseDocumentId(JSON.parse(answer.body).id)
  const document = id && tenant && (await vault.ledger.findDocument(tenant, id))
  assert.equal(document?.state, 'stored')
  return document as StoredDocument
}

/** Entries about one document, oldest first, as `act out why`. */
async function onRecord(of: Vault, document: string): Promise<readonly string[]> {
  const told: string[] = []
  for (const log of await of.batches.logs()) {
    for (const batch of await of.batches.range(log, 0, 1_000)) {
      for (const bytes of entriesOf(batch.entries)) {
        const entry = JSON.parse(Buffer.from(bytes).toString('utf8'))
        if (entry.doc === document && entry.act === 'document.export')
          told.push(`${entry.out} ${entry.why ?? ''}`.trim())
      }
    }
  }
  return told
}

async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(bytes))
}

test('two persons export a paper that the recipient opens with the AWS Encryption SDK, and both looks are on record', async () => {
  const document = await depositPaper()
  const [caller, second] = [await callerWith('dpo'), await callerWith('legal')]
  const out = await exportDocument(vault, caller, { id: document.id, reason, second, recipient, signal: never })
  const message = await collect(out.bytes)
  await out.finish({ complete: true, bytes: message.length })
  await out.finish({ complete: false, bytes: 0 })
  assert.equal(message.length, out.sizeBytes)
  const keyring = new RawAesKeyringNode({
    keyNamespace: recipient.namespace,
    keyName: recipient.keyName,
    unencryptedMasterKey: Uint8Array.from(recipient.wrappingKey),
    wrappingSuite: RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
  })
  const sdk = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
  const { plaintext, messageHeader } = await sdk.decrypt(keyring, message)
  assert.equal(plaintext.equals(drawAddressProof()), true)
  const context = documentContext({ tenant: document.tenant, subject: document.subject, document: document.id })
  assert.deepEqual({ ...messageHeader.encryptionContext }, context)
  assert.deepEqual(await onRecord(vault, document.id), ['allow', 'done'])
})

test('an export without a second person, by oneself twice, without a reason or by another role is refused on record', async () => {
  const document = await depositPaper()
  const [dpo, legal, reviewer] = [await callerWith('dpo'), await callerWith('legal'), await callerWith('reviewer')]
  const noPurpose = { purpose: undefined, case: reason.case }
  const noCase = { purpose: reason.purpose, case: undefined }
  const id = document.id
  const base = { id, reason, recipient, signal: never }
  const refused = (caller: Caller, input: Parameters<typeof exportDocument>[2], code: string) =>
    assert.rejects(exportDocument(vault, caller, input), { code })
  await refused(dpo, base, 'role.second-person')
  await refused(dpo, { ...base, second: dpo }, 'role.second-person')
  await refused(dpo, { ...base, second: reviewer }, 'role.second-person')
  await refused(reviewer, { ...base, second: dpo }, 'role.not-allowed')
  await refused(dpo, { ...base, second: legal, reason: noPurpose }, 'purpose.missing')
  await refused(dpo, { ...base, second: legal, reason: noCase }, 'case.missing')
  assert.deepEqual(await onRecord(vault, id), [
    'deny role.second-person',
    'deny role.second-person',
    'deny role.second-person',
    'deny role.not-allowed',
    'deny purpose.missing',
    'deny case.missing',
  ])
})

test('a recipient whose key or names are not of their form is refused, and its names stay out of the trail', async () => {
  const document = await depositPaper()
  const [caller, second] = [await callerWith('dpo'), await callerWith('legal')]
  for (const fault of [
    { namespace: 'aws-kms' },
    { namespace: '' },
    { keyName: 'Jane Doe of Example Street' },
    { wrappingKey: randomBytes(16) },
  ]) {
    const input = { id: document.id, reason, second, recipient: { ...recipient, ...fault }, signal: never }
    await assert.rejects(exportDocument(vault, caller, input), {
      code: 'field.invalid',
      facts: { field: `recipient.${Object.keys(fault)[0]}` },
    })
  }
  assert.deepEqual(await onRecord(vault, document.id), Array(4).fill('deny field.invalid'))
})

test('a stored body that was changed is not exported, and the record says so', async () => {
  const document = await depositPaper()
  const [caller, second] = [await callerWith('dpo'), await callerWith('legal')]
  const path = join(folder, 'data', 'blobs', document.blobKey)
  const body = await readFile(path)
  await chmod(path, 0o600)
  body[100] = (body[100] as number) ^ 1
  await writeFile(path, body)
  const input = { id: document.id, reason, second, recipient, signal: never }
  await assert.rejects(exportDocument(vault, caller, input), { code: 'seal.broken' })
  assert.deepEqual(await onRecord(vault, document.id), ['allow', 'error seal.broken'])
})

test('an export that is broken off is on record as broken', async () => {
  const document = await depositPaper()
  const [caller, second] = [await callerWith('dpo'), await callerWith('legal')]
  const out = await exportDocument(vault, caller, { id: document.id, reason, second, recipient, signal: never })
  for await (const piece of out.bytes) {
    assert.ok(piece.length > 0)
    break
  }
  await out.finish({ complete: false, bytes: 10 })
  assert.deepEqual(await onRecord(vault, document.id), ['allow', 'broken client-gone'])
})
