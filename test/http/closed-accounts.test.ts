import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SubjectReference, TenantId } from '../../src/domain/ids.ts'
import { deposit } from '../../src/intake/deposit.ts'
import { atCommit } from '../support/at-commit.ts'
import { paper } from '../support/call.ts'
import { openFileDesk } from '../support/file-desk.ts'
import { callerAs, noisePicture } from '../support/house-work.ts'
import { leftovers, recorded } from '../support/recorded.ts'
import { refused } from '../support/refused.ts'

const tenant = 'jnetot' as TenantId

test('a closed account takes no paper, on record and before the file is read; reopened it does again', async () => {
  await using desk = await openFileDesk('jnetot')
  const headers = { 'Idempotency-Key': 'before' }
  const body = paper({ type: 'id', kind: 'passport' }, await noisePicture(1, 40))
  const upload = { headers, body }
  const first = await desk.ask('onboarding', 'POST', '/v1/subjects/p-1/documents', upload)
  assert.equal(first.status, 201)
  await desk.tell('p-1', 'closed')
  const late = paper({ type: 'address', kind: 'utility-bill' }, await noisePicture(2, 40))
  const refusal = await desk.ask('onboarding', 'POST', '/v1/subjects/p-1/documents', {
    headers: { 'Idempotency-Key': 'after' },
    body: late,
  })
  assert.deepEqual([refusal.status, refusal.json.code], [409, 'subject.closed'])
  const last = (await recorded(desk.opened.vault, 'jnetot')).at(-1)
  assert.deepEqual([last?.act, last?.out, last?.why], ['document.deposit', 'deny', 'subject.closed'])
  const again = paper({ type: 'id', kind: 'passport' }, await noisePicture(1, 40))
  const replayed = await desk.ask('onboarding', 'POST', '/v1/subjects/p-1/documents', { headers, body: again })
  assert.deepEqual([replayed.status, replayed.headers.get('idempotent-replayed')], [201, 'true'])
  desk.clock.advance(1_000)
  await desk.tell('p-1', 'reopened')
  await desk.upload('p-1', 'address', 'utility-bill')
})

const upload = async (reference: string, collect?: () => Promise<void>) => ({
  reference: reference as SubjectReference,
  type: 'id' as const,
  kind: 'passport',
  idempotency: { scope: `POST /v1/subjects/${reference}/documents`, key: reference },
  collect: async () => {
    await collect?.()
    return noisePicture(3, 40)
  },
  signal: new AbortController().signal,
})

test('an account that is closed while the file comes in takes nothing, and nothing of it is left', async () => {
  await using desk = await openFileDesk('jnetot')
  await desk.tell('p-2', 'tier', { tier: 1 })
  const { vault } = desk.opened
  const closing = async () => assert.equal((await desk.tell('p-2', 'closed')).status, 202)
  await refused(deposit(vault, callerAs('onboarding'), await upload('p-2', closing)), 'subject.closed')
  assert.deepEqual(await leftovers(vault, 'jnetot'), { rows: 0, keys: 0, blobs: 0 })
  const last = (await recorded(vault, 'jnetot')).at(-1)
  assert.deepEqual([last?.act, last?.out, last?.why], ['document.deposit', 'error', 'subject.closed'])
})

test('a paper that was begun before the closing is stored, and the look of the purge finds it while and after', async () => {
  let before: (n: number) => Promise<void> = async () => undefined
  await using desk = await openFileDesk('jnetot', { wrapPorts: ports => atCommit(ports, n => before(n)) })
  await desk.tell('p-3', 'tier', { tier: 1 })
  let commits = 0
  before = async () => {
    // The second commit of the deposit makes the paper visible: the account is closed before it.
    if (++commits !== 2) return
    before = async () => undefined
    assert.equal((await desk.tell('p-3', 'closed')).status, 202)
    const { id } = await desk.subject('p-3')
    const live = await desk.ports.ledger.liveDocuments(tenant, id, { limit: 10 })
    assert.deepEqual(
      live.map(({ state }) => state),
      ['depositing'],
    )
  }
  const stored = await deposit(desk.opened.vault, callerAs('onboarding'), await upload('p-3'))
  assert.equal(stored.status, 201)
  const subject = await desk.subject('p-3')
  assert.ok(subject.closedAtMs !== undefined && subject.lookAtMs !== undefined, 'the purge will look')
  const live = await desk.ports.ledger.liveDocuments(tenant, subject.id, { limit: 10 })
  assert.deepEqual(
    live.map(({ state }) => state),
    ['stored'],
  )
})
