import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Subject } from '../../src/domain/subject.ts'
import { type FileDesk, openFileDesk } from '../support/file-desk.ts'
import { findingsOf } from '../support/house-work.ts'
import { rawGrant } from '../support/raw-grant.ts'

/** Writes the row as no verb would. */
async function alter(desk: FileDesk, change: (subject: Subject) => Subject): Promise<void> {
  const subject = await desk.subject('p-1')
  const put = { ...change(subject), version: subject.version + 1 }
  const committed = await desk.ports.ledger.commit(rawGrant, [{ row: 'subject', expected: subject.version, put }])
  assert.ok(committed.done)
}

const codesOf = async (desk: FileDesk) =>
  (await findingsOf(desk.opened.vault)).map(({ code, detail }) => (detail === undefined ? code : `${code} ${detail}`))

test('holds that are not numbered without gaps, or say what no hold may say, are found', async () => {
  await using desk = await openFileDesk('jnetot')
  await desk.upload('p-1')
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
