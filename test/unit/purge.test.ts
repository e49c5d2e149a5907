import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDocument } from '../../src/access/open-document.ts'
import type { CaseReference, TenantId } from '../../src/domain/ids.ts'
import { readCertificate } from '../../src/retention/read-certificate.ts'
import { callerAs, findingsOf } from '../support/house-work.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { bornMs, dayMs, itemsOf, purgeNow, store, tell } from '../support/purge-work.ts'
import { refused } from '../support/refused.ts'
import { newVaultFolder, openWrapped } from '../support/vault-folder.ts'

const tenant = 'nomor-keluar' as TenantId
const yearMs = 366 * dayMs

test('a paper whose time is over is destroyed: no row, key, body, reference or answer is left, and a certificate shows it', async () => {
  await using folder = await newVaultFolder()
  const clock = new ManualClock(bornMs)
  await using open = await openWrapped(folder.config, { clock })
  const { vault } = open
  const paper = await store(vault, tenant, 'person-1', 1)
  const other = await store(vault, tenant, 'person-2', 2)
  await tell(vault, tenant, 'person-1', { type: 'closed', atMs: bornMs })
  clock.advance(8 * yearMs)

  const run = await purgeNow(vault, tenant)
  assert.ok(run)
  assert.deepEqual([run.count, run.destroyed, run.spared, run.failed, run.state], [1, 1, 0, 0, 'done'])
  assert.deepEqual(
    (await itemsOf(vault, run)).map(({ document, outcome }) => [document, outcome]),
    [[paper, 'destroyed']],
  )

  const tombstone = await vault.ledger.findDocument(tenant, paper)
  assert.equal(tombstone?.state, 'purged')
  assert.equal(await vault.ledger.findSubject(tenant, 'person-1' as never), undefined)
  assert.equal(await vault.ledger.findReviewOf(tenant, paper), undefined)
  assert.equal((await vault.wrappedKeys.list({ limit: 10 })).length, 1)
  assert.equal((await Array.fromAsync(vault.blobs.list(Number.MAX_SAFE_INTEGER))).length, 1)
  const marks = await Array.fromAsync(vault.destroyed.list())
  assert.deepEqual(
    marks.map(({ document }) => document),
    [paper],
  )
  assert.equal((await vault.ledger.findDocument(tenant, other))?.state, 'stored')

  const certificate = await readCertificate(vault, callerAs('dpo', 'dpo', tenant), { id: paper })
  assert.equal(certificate.state, 'pending')
  assert.equal(certificate.kind, 'lapse')
  assert.equal(certificate.run, run.id)
  const reason = { purpose: 'kyc', case: 'case/1' as CaseReference }
  const signal = new AbortController().signal
  const look = { id: paper, rendition: 'original', reason, head: false, signal } as const
  await refused(openDocument(vault, callerAs('senior-reviewer', 'r', tenant), look), 'document.purged')
  assert.deepEqual(await findingsOf(vault), [])
})
