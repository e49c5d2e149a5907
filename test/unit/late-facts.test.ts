import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeDocument } from '../../src/access/describe-document.ts'
import type { DocumentId, TenantId } from '../../src/domain/ids.ts'
import { type PurgeRun, purgeLimits } from '../../src/domain/purge-run.ts'
import type { PurgeRunView } from '../../src/domain/purge-view.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { approvePurge } from '../../src/retention/approve-purge.ts'
import { executePurge } from '../../src/retention/execute-purge.ts'
import { planPurge, requestPlan } from '../../src/retention/plan-purge.ts'
import { purgeCaller } from '../../src/retention/purge-caller.ts'
import { purgeFigures } from '../../src/retention/purge-figures.ts'
import { requestPurge } from '../../src/retention/request-purge.ts'
import { runPurges } from '../../src/retention/run-purges.ts'
import { callerAs, findingsOf } from '../support/house-work.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { bornMs, dayMs, itemsOf, store, tell } from '../support/purge-work.ts'
import { refused } from '../support/refused.ts'
import { newVaultFolder, openWrapped } from '../support/vault-folder.ts'

const signal = new AbortController().signal
/** Their policies ask for no approval. */
const unapproved = ['nomor-keluar', 'omo7777'] as TenantId[]
const tenant = 'nomor-keluar' as TenantId
const longAgoMs = Date.UTC(2018, 5, 30, 12)
const dpo = callerAs('dpo', 'dpo', tenant)
const purger = callerAs('purge', 'purger', tenant)

interface Scene extends AsyncDisposable {
  readonly vault: Vault
  readonly clock: ManualClock
}

async function scene(): Promise<Scene> {
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(await newVaultFolder())
  const clock = new ManualClock(bornMs)
  const { vault } = stack.use(await openWrapped(folder.config, { clock }))
  const open = stack.move()
  return { vault, clock, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

/** One turn of the jobs, with a schedule whose time has always come. */
function night(vault: Vault, of: TenantId = tenant): Promise<number> {
  const known = vault.tenants.get(of) ?? assert.fail()
  return runPurges(vault, known, { signal, nextAfter: ms => ms })
}

const stateOf = async (vault: Vault, id: DocumentId, of = tenant) => (await vault.ledger.findDocument(of, id))?.state

async function planOf(vault: Vault, key: string, by = dpo): Promise<PurgeRunView> {
  const idempotency = { scope: 'POST /v1/purge-runs', key }
  return JSON.parse((await requestPlan(vault, by, { idempotency, signal })).body)
}

function ask(vault: Vault, planHash: string, key: string) {
  const idempotency = { scope: 'POST /v1/purge-runs', key }
  return requestPurge(vault, purger, { planHash, idempotency })
}

async function waitingPlan(vault: Vault): Promise<PurgeRun> {
  const runs = await vault.ledger.openRuns(tenant)
  return runs.find(({ state, late }) => state === 'planned' && late !== undefined) ?? assert.fail('no plan waits')
}

for (const of of unapproved) {
  test(`at ${of} one key that tells of closings long ago destroys nothing, on whatever night`, async () => {
    await using at = await scene()
    const { vault, clock } = at
    const type = 'id'
    const papers: DocumentId[] = []
    for (let n = 0; n < 3; n++) {
      await tell(vault, of, `person-${n}`, { type: 'tier', atMs: bornMs, tier: 2 })
      papers.push(await store(vault, of, `person-${n}`, n, type, of === 'omo7777' ? 'e-ktp' : 'passport'))
    }
    await tell(vault, of, 'person-0', { type: 'closed', atMs: longAgoMs })
    await tell(vault, of, 'person-1', { type: 'tier', atMs: longAgoMs, tier: 1 })
    await tell(vault, of, 'person-1', { type: 'closed', atMs: longAgoMs + 1 })
    await tell(vault, of, 'person-2', { type: 'deletion.requested', atMs: longAgoMs })
    await tell(vault, of, 'person-2', { type: 'closed', atMs: longAgoMs })
    for (let nights = 0; nights < 30; nights++) {
      assert.equal(await night(vault, of), 0)
      clock.advance(dayMs)
    }
    for (const paper of papers) assert.equal(await stateOf(vault, paper, of), 'stored')
    const figures = await purgeFigures(vault, vault.tenants.get(of) ?? assert.fail())
    assert.deepEqual([figures.due, figures.overdue], [3, 3], 'they count as due')
    assert.deepEqual(await findingsOf(vault), [])
  })
}

test('what was told late waits in a plan of its own, and everybody else’s papers go that night', async () => {
  await using at = await scene()
  const { vault, clock } = at
  const prompt = await store(vault, tenant, 'prompt', 1)
  const late = await store(vault, tenant, 'late', 2)
  await tell(vault, tenant, 'prompt', { type: 'closed', atMs: bornMs })
  clock.advance(8 * 366 * dayMs)
  await tell(vault, tenant, 'late', { type: 'closed', atMs: bornMs })
  assert.equal(await night(vault), 1)
  assert.deepEqual([await stateOf(vault, prompt), await stateOf(vault, late)], ['purged', 'stored'])
  const run = await waitingPlan(vault)
  assert.deepEqual([run.count, run.late], [1, 1])
  assert.deepEqual(
    (await itemsOf(vault, run)).map(({ document, waits }) => [document, waits]),
    [[late, 'late-fact']],
  )
  await refused(ask(vault, run.planHash, 'unapproved'), 'purge.state')
  await refused(executePurge(vault, purgeCaller(vault, tenant), { run: run.id, signal }), 'purge.state')

  await approvePurge(vault, dpo, { run: run.id, planHash: run.planHash })
  assert.equal(await night(vault), 1, 'the schedule’s plan, once approved, is executed by the next turn')
  assert.equal(await stateOf(vault, late), 'purged')
  assert.deepEqual(await findingsOf(vault), [])
})

test('a plan of a person with something told late in it is executed once another person approved it, and not before', async () => {
  await using at = await scene()
  const { vault } = at
  const late = await store(vault, tenant, 'late', 1)
  await tell(vault, tenant, 'late', { type: 'closed', atMs: longAgoMs })
  const own = await planOf(vault, 'own')
  await refused(approvePurge(vault, dpo, { run: own.id as never, planHash: own.planHash }), 'purge.same-person')
  await refused(approvePurge(vault, purger, { run: own.id as never, planHash: own.planHash }), 'role.not-allowed')
  await refused(ask(vault, own.planHash, 'early'), 'purge.state')
  assert.equal(await night(vault), 0)

  const plan = await planOf(vault, 'plan', purger)
  assert.equal(plan.late, 1)
  await approvePurge(vault, dpo, { run: plan.id as never, planHash: plan.planHash })
  await ask(vault, plan.planHash, 'go')
  assert.equal(await night(vault), 1)
  assert.equal(await stateOf(vault, late), 'purged')
  assert.deepEqual(await findingsOf(vault), [])
})

test('a week of lateness is nobody’s business, and what waits goes by itself when its time has come in any case', async () => {
  await using at = await scene()
  const { vault, clock } = at
  const paper = await store(vault, tenant, 'slow', 1)
  const slow = await store(vault, tenant, 'slower', 2)
  clock.advance(10 * dayMs)
  await tell(vault, tenant, 'slow', { type: 'closed', atMs: bornMs + 4 * dayMs })
  await tell(vault, tenant, 'slower', { type: 'closed', atMs: bornMs })
  const view = await describeDocument(vault, dpo, { id: paper })
  assert.equal(view.waits, undefined)
  const { due, waits, why } = await describeDocument(vault, dpo, { id: slow })
  assert.deepEqual([due?.on, waits], ['2033-01-16', { for: 'late-fact', until: '2033-01-19' }])
  assert.match(why ?? '', /told late: before 2033-01-19 .* another person has approved/)
  clock.advance(Date.UTC(2033, 0, 18, 12) - bornMs - 10 * dayMs)
  assert.equal(await night(vault), 0)
  assert.equal((await planOf(vault, 'seen')).late, 1)
  clock.advance(dayMs)
  assert.equal(await night(vault), 1, 'the third day later it waits no more')
  assert.equal(await stateOf(vault, slow), 'purged')
  clock.advance(dayMs)
  assert.equal(await night(vault), 1)
  assert.equal(await stateOf(vault, paper), 'purged')
})

test('a telling between plan and execution makes a paper wait, and a plan that was approved does not stand for it', async () => {
  await using at = await scene()
  const { vault, clock } = at
  const paper = await store(vault, tenant, 'twice', 1)
  await tell(vault, tenant, 'twice', { type: 'closed', atMs: bornMs })
  clock.advance(8 * 366 * dayMs)
  const job = purgeCaller(vault, tenant)
  const run = (await planPurge(vault, job, { signal })) ?? assert.fail('nothing is due')
  assert.equal(run.late, undefined)
  // Of the same day, so that the line of the plan would be written again word for word, but for its waiting.
  await tell(vault, tenant, 'twice', { type: 'closed', atMs: bornMs + 1 })
  await approvePurge(vault, dpo, { run: run.id, planHash: run.planHash })
  const done = await executePurge(vault, job, { run: run.id, signal })
  assert.deepEqual([done?.destroyed, done?.spared], [0, 1])
  assert.deepEqual(
    (await itemsOf(vault, run)).map(({ outcome }) => outcome),
    ['late'],
  )
  assert.equal(await stateOf(vault, paper), 'stored')
  assert.deepEqual(await findingsOf(vault), [])
})

test('more late tellings than the cap keep nobody else’s papers, and no plan of them is kept', async () => {
  await using at = await scene()
  const { vault, clock } = at
  const prompt = await store(vault, tenant, 'prompt', 1)
  await tell(vault, tenant, 'prompt', { type: 'closed', atMs: bornMs })
  for (let n = 2; n < 5; n++) await store(vault, tenant, `late-${n}`, n)
  clock.advance(8 * 366 * dayMs)
  for (let n = 2; n < 5; n++) await tell(vault, tenant, `late-${n}`, { type: 'closed', atMs: bornMs })
  const known = vault.tenants.get(tenant) ?? assert.fail()
  const tight: Vault = {
    ...vault,
    tenants: new Map([...vault.tenants, [tenant, { ...known, purge: { ...known.purge, maxPerRun: 2 } }]]),
  }
  assert.equal(await night(tight), 1)
  assert.equal(await stateOf(vault, prompt), 'purged')
  assert.deepEqual(await vault.ledger.openRuns(tenant), [])
})

test('each night makes the waiting plan anew, and an approval of last night’s list is of that list alone', async () => {
  await using at = await scene()
  const { vault, clock } = at
  const first = await store(vault, tenant, 'first', 1)
  await tell(vault, tenant, 'first', { type: 'closed', atMs: longAgoMs })
  await night(vault)
  const before = await waitingPlan(vault)
  await store(vault, tenant, 'second', 2)
  await tell(vault, tenant, 'second', { type: 'closed', atMs: longAgoMs })
  clock.advance(purgeLimits.planLivesMs)
  await night(vault)
  const after = await waitingPlan(vault)
  assert.deepEqual([before.late, after.late], [1, 2])
  await refused(approvePurge(vault, dpo, { run: before.id, planHash: before.planHash }), 'purge.stale')
  await refused(approvePurge(vault, dpo, { run: after.id, planHash: before.planHash }), 'purge.stale')
  assert.equal(await stateOf(vault, first), 'stored')
})
