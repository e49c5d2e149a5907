import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { type AskedRotation, type Epoch, rotationStandsMs } from '../../src/domain/epoch.ts'
import type { PersonId, TenantId } from '../../src/domain/ids.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { jobsOf } from '../../src/jobs/jobs.ts'
import { runOnce } from '../../src/jobs/runner.ts'
import type { Ledger } from '../../src/ports/ledger.ts'
import type { Ports } from '../../src/ports/ports.ts'
import { call, paper } from '../support/call.ts'
import { findingsOf } from '../support/house-work.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { openVault, type TenantName, type TestVault } from '../support/open-vault.ts'
import { drawIdCard } from '../support/papers.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { recorded } from '../support/recorded.ts'

const tenant = 'jnetot'
const keys = '/v1/keys'
const rotations = '/v1/keys/rotations'
const dayMs = 24 * 3_600_000

interface Place extends AsyncDisposable {
  readonly clock: ManualClock
  readonly opened: TestVault
  /** Below the gate: what somebody writes to who reaches the database past the vault. */
  readonly ledger: Ledger
}

async function open(): Promise<Place> {
  const clock = new ManualClock(Date.now())
  let below: Ledger | undefined
  const wrapPorts = (ports: Ports) => {
    below = ports.ledger
    return ports
  }
  const opened = await openVault({ clock, wrapPorts })
  assert.ok(below)
  return { clock, opened, ledger: below, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() }
}

const list = (opened: TestVault, role: 'dpo' | 'auditor' = 'auditor', of: TenantName = tenant) =>
  call(opened.door.url, 'GET', keys, { key: opened.key(of, role) })

function rotate(opened: TestVault, epoch: string, headers: Record<string, string> = {}, of: TenantName = tenant) {
  const beside = { 'Vault-Second-Authorization': `Bearer ${opened.key(of, 'dpo')}` }
  const all = { 'Idempotency-Key': randomUUID(), ...beside, ...headers }
  return call(opened.door.url, 'POST', rotations, { key: opened.key(of, 'admin'), headers: all, json: { epoch } })
}

/** The job that a process of the role `keys` has, once. */
async function work(vault: Vault): Promise<void> {
  const job = jobsOf(['keys']).find(({ name }) => name === 'rewrap-keys')
  assert.ok(job)
  assert.notEqual(await runOnce(vault, job, new AbortController().signal), undefined)
}

interface Shown {
  readonly epoch: string
  readonly state: string
  readonly keys: number
  readonly next?: { readonly step: string }
}

const shown = (items: readonly Shown[]) =>
  items.map(({ epoch, state, keys: count, next }) => [epoch, state, count, next?.step ?? ''].join(' ').trim())

async function upload(opened: TestVault, n: number): Promise<string> {
  const body = paper({ type: 'id', kind: 'passport' }, await drawIdCard(900 + n))
  const headers = { 'Idempotency-Key': `upload-${n}` }
  const asked = { key: opened.key(tenant, 'onboarding'), headers, body }
  const answer = await call(opened.door.url, 'POST', `/v1/subjects/p-${n}/documents`, asked)
  assert.equal(answer.status, 201)
  return answer.json.id
}

async function look(opened: TestVault, id: string): Promise<Buffer> {
  const headers = { 'Vault-Purpose': 'kyc', 'Vault-Case': 'C-1' }
  const answer = await call(opened.door.url, 'GET', `/v1/documents/${id}/content`, {
    key: opened.key(tenant, 'senior-reviewer'),
    headers,
  })
  assert.equal(answer.status, 200)
  return answer.bytes
}

test('two people have the key of a running vault replaced, follow it to its end, and every paper opens throughout', async () => {
  await using at = await open()
  const { opened, clock } = at
  const ids = [await upload(opened, 1), await upload(opened, 2)]
  const papers = await Promise.all(ids.map(id => look(opened, id)))
  assert.deepEqual(shown((await list(opened)).json.items), ['docs/1 active 2'], 'before any job has noted it')
  const asked = await rotate(opened, 'docs/1')
  assert.deepEqual([asked.status, asked.headers.get('location')], [202, keys])
  assert.equal(asked.json.keys, undefined, 'to count millions takes longer than a request may')
  const { by, second } = asked.json.asked
  assert.deepEqual([by, second], ['first-admin-jnetot', 'first-dpo-jnetot'])
  const listed = (await list(opened, 'dpo')).json.items
  assert.deepEqual(listed, [{ ...asked.json, keys: 2 }])
  await work(opened.vault)
  assert.deepEqual(shown((await list(opened)).json.items), ['docs/1 former 0 wait', 'docs/2 active 2'])
  const late = await upload(opened, 3)
  for (const ms of [10 * 60_000, 0, dayMs]) {
    clock.advance(ms)
    await work(opened.vault)
  }
  const ended = (await list(opened)).json.items
  assert.deepEqual(shown(ended), ['docs/1 ended 0', 'docs/2 active 3'])
  assert.ok(ended[0].deadFrom)
  assert.deepEqual(await Promise.all(ids.map(id => look(opened, id))), papers)
  assert.ok((await look(opened, late)).length > 0)
  const steps = (await recorded(opened.vault, tenant)).filter(({ act, det }) => act === 'key.rotate' && det?.second)
  assert.deepEqual(
    steps.map(({ actor, out, det }) => [actor?.id, out, det?.step, det?.epoch, det?.second]),
    [
      ['first-admin-jnetot', 'allow', 'ask', 'docs/1', 'first-dpo-jnetot'],
      ['vault-rewrap-keys', 'allow', 'begin', 'docs/1', 'first-dpo-jnetot'],
    ],
  )
  assert.deepEqual(await findingsOf(opened.vault), [])
})

test('nobody rotates alone, and whoever may not even look is told nothing', async () => {
  await using at = await open()
  const { opened } = at
  const { url } = opened.door
  const own = (role: 'admin' | 'auditor' | 'reviewer') => `Bearer ${opened.key(tenant, role)}`
  for (const second of [own('admin'), own('auditor'), own('reviewer'), `Bearer ${opened.key('omo7777', 'dpo')}`]) {
    const answer = await rotate(opened, 'docs/1', { 'Vault-Second-Authorization': second })
    assert.deepEqual([answer.status, answer.json.code], [403, 'role.second-person'])
  }
  const headers = { 'Idempotency-Key': 'k', 'Vault-Second-Authorization': own('admin') }
  for (const role of ['auditor', 'reviewer'] as const) {
    const asked = await call(url, 'POST', rotations, {
      key: opened.key(tenant, role),
      headers,
      json: { epoch: 'docs/1' },
    })
    assert.deepEqual([asked.status, asked.json.code], [403, 'role.not-allowed'])
  }
  const looked = await call(url, 'GET', keys, { key: opened.key(tenant, 'reviewer') })
  assert.deepEqual([looked.status, looked.json.code], [403, 'role.not-allowed'])
  for (const epoch of ['docs/0', 'door/1', 'x', 'docs/1 ', '']) {
    assert.equal((await rotate(opened, epoch)).json.code, 'field.invalid', epoch)
  }
  await work(opened.vault)
  assert.deepEqual(shown((await list(opened)).json.items), ['docs/1 active 0'])
})

test('a decision names the epoch that it replaces: it is carried out once, whoever else decides the same', async () => {
  await using at = await open()
  const { opened, clock } = at
  const once = { 'Idempotency-Key': 'once' }
  const first = await rotate(opened, 'docs/1', once)
  const replayed = await rotate(opened, 'docs/1', once)
  assert.deepEqual([replayed.headers.get('idempotent-replayed'), replayed.json], ['true', first.json])
  const conflict = await rotate(opened, 'docs/2', once)
  assert.deepEqual([conflict.status, conflict.json.code], [422, 'idempotency.conflict'])
  clock.advance(1_000)
  const renewed = await rotate(opened, 'docs/1')
  assert.ok(renewed.json.asked.at > first.json.asked.at, 'asking again renews it')
  assert.equal((await rotate(opened, 'docs/1', {}, 'omo7777')).status, 202, 'who shares the key may ask as well')
  await work(opened.vault)
  for (const one of [tenant, 'omo7777'] as const) {
    assert.deepEqual(shown((await list(opened, 'dpo', one)).json.items), ['docs/1 former 0 wait', 'docs/2 active 0'])
  }
  const stale = await rotate(opened, 'docs/1')
  assert.deepEqual([stale.status, stale.json.code], [409, 'keys.rotating'])
})

test('a decision that nobody carried out in a day is over', async () => {
  await using at = await open()
  const { opened, clock } = at
  assert.equal((await rotate(opened, 'docs/1')).status, 202)
  clock.advance(rotationStandsMs)
  assert.deepEqual(shown((await list(opened)).json.items), ['docs/1 active 0'])
  await work(opened.vault)
  assert.deepEqual(shown((await list(opened)).json.items), ['docs/1 active 0'])
})

test('a row that claims a decision which the trail does not tell of moves no key', async () => {
  await using at = await open()
  const { opened, clock, ledger } = at
  assert.equal((await rotate(opened, 'docs/1')).status, 202)
  const row = await ledger.findEpoch(tenant as TenantId, 'docs/1')
  assert.ok(row?.asked)
  const stranger = 'first-legal-jnetot' as PersonId
  const { asked } = row
  const forged: readonly Partial<AskedRotation>[] = [
    { by: stranger },
    { second: stranger },
    { trail: { ...asked.trail, index: asked.trail.index + 1 } },
    { trail: { log: 'jnetot/1999', index: 0 } },
  ]
  let { version } = row
  const write = async (over: Partial<AskedRotation>) => {
    const put: Epoch = { ...row, asked: { ...asked, atMs: clock.nowMs(), ...over }, version: version + 1 }
    assert.deepEqual(await ledger.commit(rawGrant, [{ row: 'epoch', expected: version++, put }]), { done: true })
    await work(opened.vault)
    return shown((await list(opened)).json.items)
  }
  for (const over of forged) assert.deepEqual(await write(over), ['docs/1 active 0 replace'])
  assert.deepEqual(await write({}), ['docs/1 former 0 wait', 'docs/2 active 0'], 'the true one does')
})
