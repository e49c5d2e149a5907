import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, paper } from '../support/call.ts'
import { openVault, type TestVault } from '../support/open-vault.ts'
import { drawIdCard } from '../support/papers.ts'
import { leftovers, recorded } from '../support/recorded.ts'

const passport = { type: 'id', kind: 'passport' }
const card = await drawIdCard(600)
let turn = 0

function upload(vault: TestVault, file: Uint8Array) {
  return call(vault.door.url, 'POST', `/v1/subjects/u-${++turn}/documents`, {
    key: vault.key('nomor-keluar', 'onboarding'),
    headers: { 'Idempotency-Key': `n-${turn}` },
    body: paper(passport, file),
  })
}

test('without room in memory an upload is told to come again, and nothing of its file was read', async () => {
  await using narrow = await openVault({ uploadBudgetBytes: 1_000 })
  const answer = await upload(narrow, card)
  assert.deepEqual([answer.status, answer.json.code], [429, 'capacity.no-slot'])
  assert.match(answer.headers.get('retry-after') ?? '', /^\d+$/)
  assert.deepEqual(await leftovers(narrow.vault, 'nomor-keluar'), { rows: 0, keys: 0, blobs: 0 })
  const last = (await recorded(narrow.vault, 'nomor-keluar')).at(-1)
  assert.deepEqual([last?.out, last?.why], ['error', 'capacity.no-slot'])
})

test('memory for one upload serves many in turn, the refused and the broken among them', async () => {
  await using narrow = await openVault({ uploadBudgetBytes: Math.ceil(1.5 * card.length) })
  const broken = [card.subarray(0, card.length / 2), Buffer.alloc(0), Buffer.alloc(card.length, 7)]
  for (const file of broken) {
    const { status } = await upload(narrow, file)
    assert.ok([415, 422].includes(status), `refused with ${status}, not for want of room`)
    assert.equal((await upload(narrow, card)).status, 201)
  }
})
