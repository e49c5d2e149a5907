import assert from 'node:assert/strict'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { call, paper } from '../support/call.ts'
import { emptyFolder } from '../support/folder.ts'
import { holders } from '../support/holders.ts'
import { markedPdf } from '../support/marked-paper.ts'
import { secrets, withMetadata } from '../support/metadata.ts'
import { drawIdCard } from '../support/papers.ts'
import { type SpawnedVault, serveVault, settingsIn } from '../support/spawned-vault.ts'

/** Planted where a person's data comes in; each must be found nowhere but where the table below says. */
const canaries = {
  inPdf: 'CANARY-PDF-Jalan-Melati-17',
  fileName: 'CANARY-FILE-ktp-siti.pdf',
  reference: 'CANARY-REFERENCE-4711',
  unknownField: 'CANARY-FIELD-name',
  value: 'CANARY-VALUE-3171234567890001',
  query: 'CANARY-QUERY',
  header: 'CANARY-HEADER',
  kind: 'canary-kind-of-paper',
  credential: 'CANARY-CREDENTIAL',
} as const

/** The platform's own name of a person lies in the ledger, and nowhere else. */
const mayHold: Readonly<Record<string, readonly string[]>> = {
  [canaries.reference]: ['data/ledger.sqlite', 'data/ledger.sqlite-wal'],
}

test('no file, temporary file, log or answer holds what a person sent, and only the ledger names them', async t => {
  await using own = await emptyFolder()
  const folder = own.path
  const temporary = join(folder, 'tmp')
  await mkdir(temporary)
  await using vault = await serveVault({ ...settingsIn(folder), TMPDIR: temporary })
  const answers = await plant(t, vault, folder)
  const whileOpen = await holders(folder)
  vault.process.kill('SIGTERM')
  const { stdout, stderr, code } = await vault.ended
  assert.equal(code, 0)
  const afterwards = await holders(folder)

  for (const canary of [...Object.values(canaries), ...Object.values(secrets)]) {
    const allowed = mayHold[canary] ?? []
    for (const found of [whileOpen, afterwards]) {
      const strange = (await found(canary)).filter(file => !allowed.includes(file))
      assert.deepEqual(strange, [], `${canary} lies on disk`)
    }
    assert.ok(!stdout.includes(canary) && !stderr.includes(canary), `${canary} is in the log`)
    const told = answers.filter(answer => answer.includes(canary))
    assert.deepEqual(told, [], `${canary} is in a refusal`)
  }
  const ledger = await whileOpen(canaries.reference)
  assert.notEqual(ledger.length, 0, 'the search itself finds what is there')
})

/** Sends every canary on its way in; the text of every refusal comes back. */
async function plant(t: TestContext, vault: SpawnedVault, folder: string): Promise<readonly string[]> {
  const keys = await firstKeys(folder)
  const path = `/v1/subjects/${canaries.reference}`
  const onboarding = keys('onboarding')
  let sent = 0
  const post = (to: string, options: Parameters<typeof call>[3]) =>
    call(vault.url, 'POST', to, {
      key: onboarding,
      ...options,
      headers: { 'Idempotency-Key': `canary-${++sent}`, ...options?.headers },
    })
  const opened = await post(`${path}/events`, { json: { type: 'tier', tier: 2, at: '2026-01-01T00:00:00Z' } })
  assert.equal(opened.status, 202)
  const bill = { type: 'address', kind: 'utility-bill' }
  const stored = await post(`${path}/documents`, { body: paper(bill, markedPdf(canaries.inPdf), canaries.fileName) })
  assert.equal(stored.status, 201)
  const picture = await withMetadata(await drawIdCard(600))
  const photo = await post(`${path}/documents`, { body: paper({ type: 'id', kind: 'passport' }, picture) })
  assert.equal(photo.status, 201)
  const content = await call(vault.url, 'GET', `/v1/documents/${stored.json.id}/content`, {
    key: keys('senior-reviewer'),
    headers: { 'Vault-Purpose': 'kyc', 'Vault-Case': 'CASE-1' },
  })
  assert.ok(content.bytes.includes(canaries.inPdf), 'the reviewer sees the paper as it came')
  t.diagnostic(`${content.bytes.length} bytes were read`)

  const refusals = await Promise.all([
    post(`${path}/events`, { json: { type: 'tier', [canaries.unknownField]: canaries.value } }),
    post(`${path}/events`, { json: { type: canaries.value } }),
    post(`${path}/events`, { json: `{"type":"opened","at":"${canaries.value}"` }),
    post(`${path}/documents`, { body: paper({ type: 'id', kind: canaries.kind }, picture, canaries.fileName) }),
    post(`${path}/documents`, { body: paper({ type: 'id', name: canaries.value }, picture) }),
    post(`${path}/documents`, { body: paper(bill, Buffer.from(`${canaries.inPdf} is no file`), canaries.fileName) }),
    post(`${path}/documents`, { body: paper(bill, markedPdf(canaries.inPdf).subarray(0, 400)) }),
    call(vault.url, 'GET', `/v1/documents/${stored.json.id}?${canaries.query}=1`, { key: onboarding }),
    call(vault.url, 'GET', `/v1/documents/${canaries.query}`, { key: onboarding }),
    call(vault.url, 'GET', `/v1/documents/${stored.json.id}/content`, {
      key: keys('senior-reviewer'),
      headers: { 'Vault-Purpose': canaries.header, 'Vault-Case': `${canaries.header} with spaces` },
    }),
    call(vault.url, 'GET', '/v1/limits', { key: `kv_${canaries.credential}` }),
  ])
  for (const { status } of refusals) assert.ok(status >= 400 && status < 500, `refused with ${status}`)
  return refusals.map(({ bytes }) => bytes.toString())
}

async function firstKeys(folder: string): Promise<(role: string) => string> {
  const text = await readFile(join(folder, 'data-keys', 'first-keys.json'), 'utf8')
  const { keys } = JSON.parse(text) as { keys: readonly { tenant: string; role: string; key: string }[] }
  return role => keys.find(key => key.tenant === 'omo7777' && key.role === role)?.key ?? ''
}
