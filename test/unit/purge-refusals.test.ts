import assert from 'node:assert/strict'
import { test } from 'node:test'
import { canonicalJson } from '../../src/domain/canonical.ts'
import { VaultError } from '../../src/domain/errors.ts'
import type { DocumentId, PurgeRunId, TenantId } from '../../src/domain/ids.ts'
import type { PurgeRule } from '../../src/domain/policy.ts'
import { type PurgeRun, purgeLimits } from '../../src/domain/purge-run.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { nextAfter, runPurgesOfAll } from '../../src/jobs/purge-turns.ts'
import type { Ports } from '../../src/ports/ports.ts'
import { approvePurge } from '../../src/retention/approve-purge.ts'
import { executePurge } from '../../src/retention/execute-purge.ts'
import { planPurge, requestPlan } from '../../src/retention/plan-purge.ts'
import { purgeCaller } from '../../src/retention/purge-caller.ts'
import { purgeFigures } from '../../src/retention/purge-figures.ts'
import { requestPurge } from '../../src/retention/request-purge.ts'
import { callerAs, findingsOf } from '../support/house-work.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { bornMs, dayMs, itemsOf, store, tell } from '../support/purge-work.ts'
import { recorded } from '../support/recorded.ts'
import { refused } from '../support/refused.ts'
import { newVaultFolder, openWrapped } from '../support/vault-folder.ts'

const tenant = 'nomor-keluar' as TenantId
const dueMs = bornMs + 8 * 366 * dayMs
const signal = new AbortController().signal
const execution = (run: PurgeRun) => ({ run: run.id, signal })

interface Scene extends AsyncDisposable {
  readonly vault: Vault
  readonly clock: ManualClock
  readonly due: readonly DocumentId[]
}

/** So many papers that are due, one a person. */
async function scene(papers: number, wrap: (ports: Ports) => Ports = ports => ports): Promise<Scene> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await newVaultFolder())
  const clock = new ManualClock(bornMs)
  const { vault } = stack.use(await openWrapped(folder.config, { clock, wrap }))
  const due: DocumentId[] = []
  for (let n = 0; n < papers; n++) {
    due.push(await store(vault, tenant, `person-${n}`, n))
    await tell(vault, tenant, `person-${n}`, { type: 'closed', atMs: bornMs })
  }
  clock.advance(dueMs - bornMs)
  const open = stack.move()
  return { vault, clock, due, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

async function planned(vault: Vault): Promise<PurgeRun> {
  return (await planPurge(vault, purgeCaller(vault, tenant), { signal })) ?? assert.fail('nothing is due')
}

function withPurge(vault: Vault, change: Partial<PurgeRule>): Vault {
  const known = vault.tenants.get(tenant) ?? assert.fail()
  return {
    ...vault,
    tenants: new Map([...vault.tenants, [tenant, { ...known, purge: { ...known.purge, ...change } }]]),
  }
}

const denials = async (vault: Vault, of: TenantId = tenant) =>
  (await recorded(vault, of)).filter(({ out }) => out === 'deny').map(({ act, why }) => [act, why])

test('whoever has the items can compute the hash of the plan', async () => {
  await using at = await scene(3)
  const run = await planned(at.vault)
  const lines = (await itemsOf(at.vault, run)).map(item => `${canonicalJson(item)}\n`).join('')
  const digest = await crypto.subtle.digest('SHA-256', Buffer.from(lines))
  assert.equal(run.planHash, Buffer.from(digest).toString('hex'))
})

test('a plan as of an earlier time lists what was due by then, and the rest waits', async () => {
  await using at = await scene(2)
  const idempotency = { scope: 'POST /v1/purge-runs', key: 'early' }
  const early = { asOfMs: bornMs + 366 * dayMs, idempotency, signal }
  const { body } = await requestPlan(at.vault, callerAs('dpo', 'dpo', tenant), early)
  assert.equal(JSON.parse(body).count, 0)
  assert.equal((await planned(at.vault)).count, 2)
})

test('a list over the cap is refused and on record, and nothing of it is kept', async () => {
  await using at = await scene(3)
  const tight = withPurge(at.vault, { maxPerRun: 2 })
  await refused(planPurge(tight, purgeCaller(tight, tenant), { signal }), 'purge.over-cap')
  assert.deepEqual(await at.vault.ledger.listRuns(tenant, { limit: 9 }), [])
  const outcomes = (await recorded(at.vault, tenant)).filter(({ act, out }) => act === 'purge.plan' && out === 'error')
  assert.deepEqual(
    outcomes.map(({ why }) => why),
    ['purge.over-cap'],
  )
  assert.equal((await planned(withPurge(at.vault, { maxPerRun: 3 }))).count, 3)
})

test('what nobody asked for, is stale, or is done is not executed, and each refusal is on record', async () => {
  await using at = await scene(1)
  const { vault, clock } = at
  const strict = withPurge(vault, { approval: true })
  const job = purgeCaller(vault, tenant)
  const first = await planned(strict)
  await refused(executePurge(strict, job, execution(first)), 'purge.state')
  const ask = (planHash: string, key: string) =>
    requestPurge(strict, callerAs('purge', 'purger', tenant), {
      planHash,
      idempotency: { scope: 'POST /v1/purge-runs', key },
    })
  await refused(ask('0'.repeat(64), 'other'), 'purge.stale')
  await refused(ask(first.planHash, 'unapproved'), 'purge.state')
  const dpo = callerAs('dpo', 'dpo', tenant)
  await refused(approvePurge(strict, dpo, { run: first.id, planHash: '0'.repeat(64) }), 'purge.stale')
  clock.advance(purgeLimits.planLivesMs)
  await refused(approvePurge(strict, dpo, { run: first.id, planHash: first.planHash }), 'purge.stale')
  await refused(ask(first.planHash, 'late'), 'purge.stale')
  await refused(executePurge(strict, job, execution(first)), 'purge.stale')
  const second = await planned(strict)
  assert.equal((await vault.ledger.findRun(tenant, first.id))?.state, 'stale')
  await approvePurge(strict, dpo, { run: second.id, planHash: second.planHash })
  assert.equal((await executePurge(strict, job, execution(second)))?.destroyed, 1)
  await refused(executePurge(strict, job, execution(second)), 'purge.state')
  assert.deepEqual(await denials(vault), [
    ['purge.execute', 'purge.state'],
    ['purge.execute', 'purge.stale'],
    ['purge.execute', 'purge.state'],
    ['purge.approve', 'purge.stale'],
    ['purge.approve', 'purge.stale'],
    ['purge.execute', 'purge.stale'],
    ['purge.execute', 'purge.stale'],
    ['purge.execute', 'purge.state'],
  ])
})

test('who planned does not approve, with another key either, and a machine approves nothing', async () => {
  await using at = await scene(1)
  const strict = withPurge(at.vault, { approval: true })
  const idempotency = { scope: 'POST /v1/purge-runs', key: 'mine' }
  const { body } = await requestPlan(strict, callerAs('dpo', 'me', tenant), { idempotency, signal })
  const { id, planHash } = JSON.parse(body) as { id: PurgeRunId; planHash: string }
  const approve = (by: ReturnType<typeof callerAs>) => approvePurge(strict, by, { run: id, planHash })
  await refused(approve({ ...callerAs('dpo', 'me', tenant), credential: 'another-key' }), 'purge.same-person')
  await refused(approve({ ...callerAs('dpo', 'machine', tenant), kind: 'service' }), 'purge.same-person')
  await refused(approve(callerAs('dpo', 'oidc:corp:me', tenant)), 'purge.same-person')
  assert.equal((await approve(callerAs('dpo', 'you', tenant))).state, 'approved')
  // A key may have been made for that name before the name was the job's alone.
  const job = callerAs('dpo', 'vault-purge', tenant)
  const again = { scope: 'POST /v1/purge-runs', key: 'again' }
  const own = JSON.parse((await requestPlan(strict, job, { idempotency: again, signal })).body)
  await refused(approvePurge(strict, job, { run: own.id, planHash: own.planHash }), 'purge.same-person')
})

test('the job of another platform, and a caller without the role, execute nothing', async () => {
  await using at = await scene(1)
  const { vault } = at
  const run = await planned(vault)
  await refused(executePurge(vault, purgeCaller(vault, 'jnetot' as TenantId), execution(run)), 'purge.unknown')
  await refused(executePurge(vault, callerAs('dpo', 'dpo', tenant), execution(run)), 'role.not-allowed')
  assert.deepEqual(await denials(vault, 'jnetot' as TenantId), [['purge.execute', 'purge.unknown']])
  assert.equal((await vault.ledger.findRun(tenant, run.id))?.state, 'planned')
  assert.equal((await vault.ledger.findDocument(tenant, at.due[0] ?? assert.fail()))?.state, 'stored')
})

test('what is held, reopened or gone by the time of execution is spared, each with its reason on record', async () => {
  await using at = await scene(3)
  const { vault } = at
  const run = await planned(vault)
  const jnetot = vault.tenants.get('jnetot' as TenantId) ?? assert.fail()
  const known = vault.tenants.get(tenant) ?? assert.fail()
  const holding = { ...vault, tenants: new Map([...vault.tenants, [tenant, { ...known, holds: jnetot.holds }]]) }
  await tell(holding, tenant, 'person-0', { type: 'dispute.opened', atMs: dueMs, case: 'CASE-1' })
  await tell(vault, tenant, 'person-1', { type: 'reopened', atMs: dueMs })
  const done = await executePurge(vault, purgeCaller(vault, tenant), execution(run))
  assert.deepEqual([done?.destroyed, done?.spared, done?.failed], [1, 2, 0])
  const outcomes = new Map((await itemsOf(vault, run)).map(({ document, outcome }) => [document, outcome]))
  assert.deepEqual(
    at.due.map(id => outcomes.get(id)),
    ['held', 'early', 'destroyed'],
  )
  // Persons of one day come in the order of their ids, which are random.
  assert.deepEqual(new Set((await denials(vault)).map(([, why]) => why)), new Set(['document.held', 'purge.stale']))
  assert.deepEqual(await findingsOf(vault), [])
})

test('a paper whose body cannot be deleted does not keep the others, and after so many tries is left to a person', async () => {
  let broken = true
  const poison = new Set<string>()
  const stuck = (keys: readonly string[]) => {
    if (broken && keys.some(key => poison.has(key))) throw new VaultError('blobs.unavailable')
  }
  await using at = await scene(3, ports => ({
    ...ports,
    blobs: Object.assign(Object.create(ports.blobs) as Ports['blobs'], {
      deleteAll: async (...[by, keys]: Parameters<Ports['blobs']['deleteAll']>) => {
        stuck(keys)
        return ports.blobs.deleteAll(by, keys)
      },
      put: (...args: Parameters<Ports['blobs']['put']>) => ports.blobs.put(...args),
      ready: () => ports.blobs.ready(),
      list: (beforeMs: number) => ports.blobs.list(beforeMs),
      open: (...args: Parameters<Ports['blobs']['open']>) => ports.blobs.open(...args),
    }),
  }))
  const { vault, clock } = at
  const [bad = assert.fail()] = at.due
  const row = await vault.ledger.findDocument(tenant, bad)
  poison.add(row?.state === 'stored' ? row.blobKey : assert.fail())
  const job = purgeCaller(vault, tenant)
  const first = await executePurge(vault, job, execution(await planned(vault)))
  assert.deepEqual([first?.destroyed, first?.failed], [2, 1])
  for (let tries = 1; tries < purgeLimits.mostAttempts; tries++) {
    clock.advance(dayMs)
    const run = await executePurge(vault, job, execution(await planned(vault)))
    assert.deepEqual([run?.destroyed, run?.failed], [0, 1], `try ${tries + 1}`)
  }
  assert.equal(await planPurge(vault, job, { signal }), undefined, 'the schedule leaves it alone')
  assert.equal((await purgeFigures(vault, vault.tenants.get(tenant) ?? assert.fail())).quarantined, 1)
  broken = false
  const idempotency = { scope: 'POST /v1/purge-runs', key: 'again' }
  const { body } = await requestPlan(vault, callerAs('dpo', 'dpo', tenant), { idempotency, signal })
  const { planHash } = JSON.parse(body) as PurgeRun
  await requestPurge(vault, callerAs('purge', 'purger', tenant), {
    planHash,
    idempotency: { ...idempotency, key: 'go' },
  })
  assert.equal(await runPurgesOfAll(vault, signal), 1)
  assert.equal((await vault.ledger.findDocument(tenant, bad))?.state, 'purged')
  assert.deepEqual(await findingsOf(vault), [])
})

test('while another instance holds the lease a run waits; who lost the lease stops, and who has it goes on', async () => {
  await using at = await scene(2)
  const { vault, clock } = at
  const run = await planned(vault)
  const job = purgeCaller(vault, tenant)
  const lease = `purge/${tenant}`
  assert.ok(await vault.ledger.takeLease(lease, 'another', clock.nowMs(), 60_000))
  assert.equal(await executePurge(vault, job, execution(run)), undefined)
  assert.equal((await vault.ledger.findRun(tenant, run.id))?.state, 'planned')
  clock.advance(60_001)
  // Between its beginning and its first page the lease ends and another takes it.
  let looks = 0
  const slow: Vault = {
    ...vault,
    ledger: new Proxy(vault.ledger, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        if (name !== 'listPages') return value.bind(target) as unknown
        return async (...args: readonly unknown[]) => {
          if (looks++ === 0) {
            clock.advance(10 * 60_000 + 1)
            await vault.ledger.takeLease(lease, 'another', clock.nowMs(), 60_000)
          }
          return Reflect.apply(value, target, args) as unknown
        }
      },
    }),
  }
  await refused(executePurge(slow, job, execution(run)), 'purge.state')
  assert.equal((await vault.ledger.findDocument(tenant, at.due[0] ?? assert.fail()))?.state, 'stored')
  await vault.ledger.dropLease(lease, 'another')
  assert.equal((await executePurge(vault, job, execution(run)))?.destroyed, 2)
})

test('a stop between two pages ends it softly, and the next turn goes on from there', async () => {
  await using at = await scene(2)
  const { vault } = at
  const run = await planned(vault)
  const stopping = new AbortController()
  stopping.abort()
  const job = purgeCaller(vault, tenant)
  await refused(executePurge(vault, job, { run: run.id, signal: stopping.signal }), 'vault.stopping')
  assert.equal((await vault.ledger.findRun(tenant, run.id))?.state, 'executing')
  await refused(planPurge(vault, job, { signal }), 'purge.state')
  assert.equal(await runPurgesOfAll(vault, signal), 2)
})

test('the schedule is read on the calendar of the platform’s zone, over changes of its clocks', () => {
  const daily = {
    purge: { schedule: '30 2 * * *', approval: false, maxPerRun: 1, keyBackupDays: 7 },
    zone: 'Asia/Jakarta',
  }
  const from = Date.UTC(2026, 0, 1)
  assert.equal(new Date(nextAfter(daily, from) ?? 0).toISOString(), '2026-01-01T19:30:00.000Z')
  const berlin = { ...daily, zone: 'Europe/Berlin' }
  // On this day 02:30 does not exist there.
  const spring = nextAfter(berlin, Date.UTC(2026, 2, 28, 12)) ?? 0
  const after = nextAfter(berlin, spring) ?? 0
  assert.ok(spring > Date.UTC(2026, 2, 28, 23) && after > spring && after - spring <= 25 * 3_600_000)
  assert.equal(new Date(after).toISOString().slice(0, 10) > '2026-03-28', true)
})
