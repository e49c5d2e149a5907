import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { DocumentId, TenantId } from '../../src/domain/ids.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { runPurgesOfAll } from '../../src/jobs/purge-turns.ts'
import { call } from '../support/call.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { openVault, type TenantName } from '../support/open-vault.ts'
import { bornMs, dayMs, store, tell } from '../support/purge-work.ts'
import { recorded } from '../support/recorded.ts'

const yearMs = 366 * dayMs
const noSignal = new AbortController().signal

async function dueVault(tenant: TenantName, papers: number) {
  const clock = new ManualClock(bornMs)
  await using stack = new AsyncDisposableStack()
  const open = stack.use(await openVault({ clock }))
  const { vault, door } = open
  const ids: DocumentId[] = []
  for (let n = 0; n < papers; n++) {
    await tell(vault, tenant as TenantId, `person-${n}`, { type: 'tier', atMs: bornMs, tier: 2 })
    ids.push(await store(vault, tenant as TenantId, `person-${n}`, n))
    await tell(vault, tenant as TenantId, `person-${n}`, { type: 'closed', atMs: bornMs })
  }
  clock.advance(8 * yearMs)
  const ask = (key: string, method: string, path: string, json?: unknown, headers: Record<string, string> = {}) =>
    call(door.url, method, path, {
      key,
      ...(json === undefined ? {} : { json }),
      headers: method === 'POST' ? { 'Idempotency-Key': randomUUID(), ...headers } : headers,
    })
  const kept = stack.move()
  return { open, vault, clock, ids, ask, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

test('a purge over HTTP: planned, its items read, asked for with the hash, destroyed by the jobs, shown by certificates', async () => {
  await using scene = await dueVault('omo7777', 3)
  const { open, vault, ids, ask } = scene
  const [dpo, purge] = [open.key('omo7777', 'dpo'), open.key('omo7777', 'purge')]
  const key = randomUUID()
  const planned = await ask(dpo, 'POST', '/v1/purge-runs', { step: 'plan' }, { 'Idempotency-Key': key })
  assert.equal(planned.status, 202)
  const again = await ask(dpo, 'POST', '/v1/purge-runs', { step: 'plan' }, { 'Idempotency-Key': key })
  assert.equal(again.headers.get('idempotent-replayed'), 'true')
  assert.deepEqual(again.json, planned.json)
  const at = planned.headers.get('location') ?? ''
  assert.equal((await ask(dpo, 'GET', at)).json.count, 3)
  const first = await ask(dpo, 'GET', `${at}/items?limit=2`)
  const rest = await ask(dpo, 'GET', `${at}/items?limit=2&cursor=${encodeURIComponent(first.json.next)}`)
  const listed = [...first.json.items, ...rest.json.items].map(({ document }) => document)
  assert.deepEqual(new Set(listed), new Set(ids))
  assert.equal(rest.json.next, undefined)

  const { planHash } = planned.json
  assert.equal((await ask(dpo, 'POST', '/v1/purge-runs', { step: 'execute', planHash })).json.code, 'role.not-allowed')
  const asked = await ask(purge, 'POST', '/v1/purge-runs', { step: 'execute', planHash })
  assert.deepEqual([asked.status, asked.json.state], [202, 'requested'])
  assert.equal(await runPurgesOfAll(vault, noSignal), 3)
  const done = (await ask(dpo, 'GET', at)).json
  assert.deepEqual([done.state, done.destroyed, done.spared, done.failed], ['done', 3, 0, 0])
  assert.deepEqual(
    (await ask(dpo, 'GET', '/v1/purge-runs')).json.items.map((run: { id: string }) => run.id),
    [done.id],
  )

  const [id] = ids
  const certificate = await ask(dpo, 'GET', `/v1/documents/${id}/certificate`)
  assert.equal(certificate.json.state, 'pending')
  const gone = await ask(dpo, 'GET', `/v1/documents/${id}`)
  assert.deepEqual([gone.status, gone.json.certificate], [410, `/v1/documents/${id}/certificate`])
  assert.equal(gone.headers.get('link'), `</v1/documents/${id}/certificate>; rel="describedby"`)
  const reader = open.key('omo7777', 'senior-reviewer')
  const reading = { 'Vault-Purpose': 'kyc', 'Vault-Case': 'CASE-1' }
  const look = await ask(reader, 'GET', `/v1/documents/${id}/content`, undefined, reading)
  assert.deepEqual([look.status, look.json.certificate], [410, `/v1/documents/${id}/certificate`])
  assert.equal(look.headers.get('link'), `</v1/documents/${id}/certificate>; rel="describedby"`)
})

test('where a platform asks for it, execution waits for another person, and that person approves one list and no other', async () => {
  await using scene = await dueVault('jnetot', 1)
  const { open, vault, ask } = scene
  const [dpo, purge] = [open.key('jnetot', 'dpo'), open.key('jnetot', 'purge')]
  const { json: plan, headers } = await ask(dpo, 'POST', '/v1/purge-runs', { step: 'plan' })
  const at = headers.get('location') ?? ''
  const execute = { step: 'execute', planHash: plan.planHash }
  assert.equal((await ask(purge, 'POST', '/v1/purge-runs', execute)).json.code, 'purge.state')
  const own = await ask(dpo, 'POST', `${at}/approval`, { planHash: plan.planHash })
  assert.deepEqual([own.status, own.json.code], [403, 'purge.same-person'])
  assert.equal(await runPurgesOfAll(vault, noSignal), 0)

  // The schedule's own plan takes its place, and whoever holds the role may approve that.
  scene.clock.advance(dayMs)
  assert.equal(await runPurgesOfAll(vault, noSignal), 0)
  assert.equal((await ask(dpo, 'GET', at)).json.state, 'stale')
  assert.equal((await ask(dpo, 'POST', `${at}/approval`, { planHash: plan.planHash })).json.code, 'purge.same-person')
  const [scheduled] = (await ask(dpo, 'GET', '/v1/purge-runs')).json.items
  assert.deepEqual([scheduled.state, scheduled.plannedBy], ['planned', 'vault-purge'])
  const wrong = await ask(dpo, 'POST', `/v1/purge-runs/${scheduled.id}/approval`, { planHash: '0'.repeat(64) })
  assert.equal(wrong.json.code, 'purge.stale')
  const { planHash } = scheduled
  const approved = await ask(dpo, 'POST', `/v1/purge-runs/${scheduled.id}/approval`, { planHash })
  assert.deepEqual([approved.status, approved.json.state], [200, 'approved'])
  assert.equal(await runPurgesOfAll(vault, noSignal), 1)
  assert.equal((await ask(dpo, 'GET', `/v1/purge-runs/${scheduled.id}`)).json.state, 'done')
  const denied = (await recorded(vault, 'jnetot')).filter(({ out }) => out === 'deny').map(({ act, why }) => [act, why])
  assert.deepEqual(denied, [
    ['purge.execute', 'purge.state'],
    ['purge.approve', 'purge.same-person'],
    ['purge.approve', 'purge.same-person'],
    ['purge.approve', 'purge.stale'],
  ])
})

test('another platform has none of it: its runs, items, approvals and certificates are not there', async () => {
  await using scene = await dueVault('omo7777', 1)
  const { open, vault, ids, ask } = scene
  const [dpo, other] = [open.key('omo7777', 'dpo'), open.key('jnetot', 'dpo')]
  const { json: plan, headers } = await ask(dpo, 'POST', '/v1/purge-runs', { step: 'plan' })
  const at = headers.get('location') ?? ''
  const { planHash } = plan
  for (const [method, path, json] of [
    ['GET', at, undefined],
    ['GET', `${at}/items`, undefined],
    ['POST', `${at}/approval`, { planHash }],
  ] as const) {
    const answer = await ask(other, method, path, json)
    assert.deepEqual([answer.status, answer.json.code], [404, 'purge.unknown'], `${method} ${path}`)
  }
  const foreign = await ask(open.key('jnetot', 'purge'), 'POST', '/v1/purge-runs', { step: 'execute', planHash })
  assert.equal(foreign.json.code, 'purge.stale')
  assert.equal((await ask(dpo, 'GET', `/v1/documents/${ids[0]}/certificate`)).json.code, 'document.not-destroyed')
  assert.equal((await ask(other, 'GET', `/v1/documents/${ids[0]}/certificate`)).json.code, 'document.unknown')
  assert.equal((await vault.ledger.findRun('omo7777' as TenantId, plan.id))?.state, 'planned')
})

test('a clock that leapt plans and executes nothing until two people confirm it; a time to come is refused', async () => {
  await using scene = await dueVault('nomor-keluar', 1)
  const { open, vault, clock, ask } = scene
  const [dpo, purge] = [open.key('nomor-keluar', 'dpo'), open.key('nomor-keluar', 'purge')]
  const soon = new Date(clock.nowMs() + 1_000).toISOString()
  const early = await ask(dpo, 'POST', '/v1/purge-runs', { step: 'plan', asOf: soon })
  assert.deepEqual([early.status, early.json.code, early.json.errors[0].field], [400, 'field.invalid', 'asOf'])
  const { json: plan } = await ask(dpo, 'POST', '/v1/purge-runs', { step: 'plan' })
  for (const leapMs of [-3 * dayMs, 10 * yearMs]) {
    clock.advance(leapMs)
    const again = await ask(dpo, 'POST', '/v1/purge-runs', { step: 'plan' })
    assert.deepEqual([again.status, again.json.code], [503, 'purge.clock'])
    if (leapMs < 0) {
      const { planHash } = plan
      assert.equal((await ask(purge, 'POST', '/v1/purge-runs', { step: 'execute', planHash })).json.code, 'purge.clock')
    }
    assert.equal(await runPurgesOfAll(vault, noSignal), 0)
    clock.advance(-leapMs)
  }
  clock.advance(10 * yearMs)
  const alone = await ask(dpo, 'POST', '/v1/purge-clock/confirmation')
  assert.equal(alone.json.code, 'role.second-person')
  const second = await addSecondDpo(open, ask)
  const both = await ask(dpo, 'POST', '/v1/purge-clock/confirmation', undefined, {
    'Vault-Second-Authorization': `Bearer ${second}`,
  })
  assert.deepEqual([both.status, both.json.trusted], [200, true])
  assert.equal((await ask(dpo, 'POST', '/v1/purge-runs', { step: 'plan' })).status, 202)
})

test('a vote for the clock is for the clock as it was: after a leap it confirms nothing', async () => {
  await using scene = await dueVault('nomor-keluar', 1)
  const { open, clock, ask } = scene
  const dpo = open.key('nomor-keluar', 'dpo')
  const second = await addSecondDpo(open, ask)
  const voted = async (): Promise<string> => {
    const asked = await ask(dpo, 'POST', '/v1/approvals', { action: 'purge.confirm-clock', target: 'purge-clock' })
    const vote = await ask(second, 'POST', `/v1/approvals/${asked.json.id}/votes`, { vote: 'grant' })
    assert.deepEqual([vote.status, vote.json.state], [201, 'granted'])
    return asked.json.id
  }
  const confirm = (id: string) => ask(dpo, 'POST', '/v1/purge-clock/confirmation', undefined, { 'Vault-Approval': id })
  for (const leapMs of [20 * 3_600_000, -3 * dayMs]) {
    const before = await voted()
    clock.advance(leapMs)
    const stale = await confirm(before)
    assert.deepEqual([stale.status, stale.json.code], [410, 'approval.ended'])
  }
  const fresh = await voted()
  clock.advance(60_000)
  const confirmed = await confirm(fresh)
  assert.deepEqual([confirmed.status, confirmed.json.trusted], [200, true])
})

type Ask = Awaited<ReturnType<typeof dueVault>>['ask']
type Open = Awaited<ReturnType<typeof dueVault>>['open']

async function addSecondDpo(open: Open, ask: Ask): Promise<string> {
  const added = await ask(
    open.key('nomor-keluar', 'dpo'),
    'POST',
    '/v1/callers',
    { person: 'second-dpo', kind: 'person', roles: ['dpo'] },
    { 'Vault-Second-Authorization': `Bearer ${open.key('nomor-keluar', 'admin')}` },
  )
  assert.equal(added.status, 201)
  return added.json.key
}

test('the metrics tell how the purge of each platform stands', async () => {
  await using stack = new AsyncDisposableStack()
  const clock = new ManualClock(bornMs)
  const open = stack.use(await openVault({ clock, metricsPort: 0 }))
  const tenant = 'jnetot' as TenantId
  for (const person of ['a', 'b']) {
    await store(open.vault, tenant, person, person.charCodeAt(0))
    await tell(open.vault, tenant, person, { type: 'closed', atMs: bornMs })
  }
  await tell(open.vault, tenant, 'b', { type: 'dispute.opened', atMs: bornMs, case: 'CASE-1' })
  await runPurgesOfAll(open.vault, noSignal)
  clock.advance(9 * yearMs)
  const text = await (await fetch(open.door.metricsUrl ?? '')).text()
  const value = (name: string, of: string = tenant) =>
    text.match(new RegExp(`^${name}{tenant="${of}"} (.*)$`, 'm'))?.[1]
  assert.equal(value('vault_purge_due'), '1')
  assert.equal(value('vault_purge_overdue'), '1')
  assert.ok(Number(value('vault_purge_oldest_due_seconds')) > 365 * 86_400)
  assert.equal(value('vault_purge_held'), '1')
  assert.equal(value('vault_purge_pending_certificates'), '0')
  assert.equal(value('vault_purge_quarantined'), '0')
  assert.equal(value('vault_purge_clock_trusted'), '0', 'nine years in one leap')
  assert.equal(value('vault_purge_due', 'omo7777'), '0')
  assert.equal(value('vault_purge_last_done_timestamp_seconds'), undefined)
})

test('papers of a policy that is not configured here are a number, and an alert', async () => {
  await using opened = await openVault({ metricsPort: 0 })
  const tenant = 'jnetot' as TenantId
  await store(opened.vault, tenant, 'a', 1)
  await store(withNextPolicy(opened.vault, tenant), tenant, 'b', 2)
  const text = await (await fetch(opened.door.metricsUrl ?? '')).text()
  assert.match(text, /^vault_purge_policy_unknown{tenant="jnetot"} 1$/m)
  assert.match(text, /^vault_purge_policy_unknown{tenant="omo7777"} 0$/m)
})

/** The vault as an instance has it that was started with the tenant's next policy. */
function withNextPolicy(vault: Vault, id: TenantId): Vault {
  const tenant = vault.tenants.get(id) ?? assert.fail()
  const version = tenant.version + 1
  const today = tenant.policies.get(tenant.version) ?? assert.fail()
  const policies = new Map([...tenant.policies, [version, { ...today, version }]])
  return { ...vault, tenants: new Map([...vault.tenants, [id, { ...tenant, version, policies }]]) }
}
