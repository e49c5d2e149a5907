import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TenantId } from '../../src/domain/ids.ts'
import type { Subject } from '../../src/domain/subject.ts'
import { reckonDue } from '../../src/retention/reckon-due.ts'
import { type FileDesk, openFileDesk } from '../support/file-desk.ts'
import { findingsOf } from '../support/house-work.ts'
import { rawGrant } from '../support/raw-grant.ts'

const tenant = 'jnetot' as TenantId

/** A vault with a closed account and one paper of it, its clocks reckoned by today's policy. */
async function closedAccount(): Promise<FileDesk> {
  const desk = await openFileDesk('jnetot')
  const { vault } = desk.opened
  const promises = vault.tenants.get(tenant)
  assert.ok(promises)
  await reckonDue(vault, promises, { signal: new AbortController().signal })
  await desk.upload('p-1')
  await desk.tell('p-1', 'closed')
  return desk
}

/** Writes the row as no verb would. */
async function alter(desk: FileDesk, change: (subject: Subject) => Subject): Promise<void> {
  const subject = await desk.subject('p-1')
  const put = { ...change(subject), version: subject.version + 1 }
  const committed = await desk.ports.ledger.commit(rawGrant, [{ row: 'subject', expected: subject.version, put }])
  assert.ok(committed.done)
}

const codesOf = async (desk: FileDesk) =>
  (await findingsOf(desk.opened.vault)).map(({ code, detail }) => (detail === undefined ? code : `${code} ${detail}`))

test('a paper that the purge would not look at on its day is found, whether never or too late', async () => {
  await using desk = await closedAccount()
  assert.deepEqual(await codesOf(desk), [])
  await alter(desk, ({ lookAtMs: _, ...subject }) => subject)
  assert.deepEqual(await codesOf(desk), ['subject.overlooked'])
  const due = Temporal.Now.instant().add({ hours: 24 * 365 * 8 }).epochMilliseconds
  await alter(desk, subject => ({ ...subject, lookAtMs: due }))
  assert.deepEqual(await codesOf(desk), ['subject.overlooked'])
  await alter(desk, subject => ({ ...subject, lookAtMs: desk.clock.nowMs() }))
  assert.deepEqual(await codesOf(desk), [], 'to look too early harms nobody')
})

test('a paper that a hold keeps, or whose account is open, need not be looked at', async () => {
  await using desk = await closedAccount()
  await desk.post('legal', '/v1/holds', { subject: 'p-1', kind: 'legal_order', case: 'W-1' })
  assert.equal((await desk.subject('p-1')).lookAtMs, undefined)
  assert.deepEqual(await codesOf(desk), [])
  desk.clock.advance(1_000)
  await desk.tell('p-1', 'reopened')
  assert.deepEqual(await codesOf(desk), [])
})

test('holds that are not numbered without gaps, or say what no hold may say, are found', async () => {
  await using desk = await closedAccount()
  await desk.post('legal', '/v1/holds', { subject: 'p-1', kind: 'legal_order', case: 'W-1' })
  const [hold] = (await desk.subject('p-1')).holds
  assert.ok(hold)
  for (const wrong of [
    { ...hold, n: 2 },
    { ...hold, case: 'Mr Smith' as never },
    { ...hold, kind: 'whim' as never },
  ]) {
    await alter(desk, subject => ({ ...subject, holds: [wrong] }))
    assert.deepEqual(await codesOf(desk), ['subject.malformed holds'])
  }
})
