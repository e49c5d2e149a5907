import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, paper } from '../support/call.ts'
import { markedPdf } from '../support/marked-paper.ts'
import { openVault } from '../support/open-vault.ts'
import { recorded } from '../support/recorded.ts'

const reason = { 'Vault-Purpose': 'kyc', 'Vault-Case': 'CASE-1' }

async function keptPaper(budget: number) {
  const opened = await openVault({ readBudgetPerHour: budget })
  const stored = await call(opened.door.url, 'POST', '/v1/subjects/s/documents', {
    key: opened.key('jnetot', 'onboarding'),
    headers: { 'Idempotency-Key': 's' },
    body: paper({ type: 'address', kind: 'utility-bill' }, markedPdf('a bill')),
  })
  assert.equal(stored.status, 201)
  const look = (
    role: 'senior-reviewer' | 'reviewer',
    headers: Readonly<Record<string, string>> = reason,
    id = stored.json.id,
  ) => call(opened.door.url, 'GET', `/v1/documents/${id}/content`, { key: opened.key('jnetot', role), headers })
  return { look, vault: opened.vault, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() }
}

test('a look that is refused for another reason counts against the hour of who asked, and of nobody else', async () => {
  await using own = await keptPaper(4)
  const nowhere = '019a5c3e-7f12-7abc-8def-0123456789ab'
  assert.equal((await own.look('senior-reviewer', {})).status, 403)
  assert.equal((await own.look('senior-reviewer', reason, nowhere)).status, 404)
  assert.equal((await own.look('senior-reviewer', { ...reason, Range: 'bytes=999999-' })).status, 416)
  assert.equal((await own.look('senior-reviewer')).status, 200)
  const over = await own.look('senior-reviewer')
  assert.deepEqual([over.status, over.json.code], [429, 'budget.reads'])
  assert.ok(Number(over.headers.get('retry-after')) > 0)
  const other = await own.look('reviewer')
  assert.deepEqual([other.status, other.json.code], [403, 'role.not-assigned'])
})

test('past the budget a look that would be refused anyway is told the same reason as before, and the alert stands once', async () => {
  await using own = await keptPaper(1)
  assert.equal((await own.look('senior-reviewer')).status, 200)
  for (let times = 0; times < 3; times++) assert.equal((await own.look('senior-reviewer')).status, 429)
  const refused = await own.look('senior-reviewer', {})
  assert.deepEqual([refused.status, refused.json.code], [403, 'purpose.missing'])
  const alerts = (await recorded(own.vault, 'jnetot')).filter(({ act }) => act === 'alert.reads')
  assert.equal(alerts.length, 1)
})
