import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { VaultError } from '../../src/domain/errors.ts'
import type { CaseReference, DocumentId, SubjectReference, TenantId } from '../../src/domain/ids.ts'
import { purgeLimits } from '../../src/domain/purge-run.ts'
import { isWhollyHeld } from '../../src/domain/subject.ts'
import { isClockTrusted } from '../../src/guards/trusted-clock.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { confirmClock } from '../../src/retention/confirm-clock.ts'
import { eraseDocument } from '../../src/retention/erase-document.ts'
import { requestPlan } from '../../src/retention/plan-purge.ts'
import { requestPurge } from '../../src/retention/request-purge.ts'
import { runPurges } from '../../src/retention/run-purges.ts'
import { Faults, watchPorts } from '../support/failing-ports.ts'
import { callerAs, findingsOf } from '../support/house-work.ts'
import { isSomewhere } from '../support/is-somewhere.ts'
import { copyOf, dueMs, newPurgeScene, purgeTurn, sceneTenant } from '../support/purge-scene.ts'
import { bornMs, dayMs, store, tell } from '../support/purge-work.ts'
import { SteppedClock } from '../support/stepped-clock.ts'
import { newVaultFolder, openWrapped } from '../support/vault-folder.ts'

const leapMs = 20 * 366 * dayMs
const disputed = 'jnetot' as TenantId
const noSignal = new AbortController().signal
const dpo = callerAs('dpo', 'dpo', sceneTenant)
const keeper = callerAs('purge', 'keeper', sceneTenant)

suite('nothing due is forgotten, and nothing goes early', { concurrency: false }, () => {
  test('a purge that was asked for, and that nobody began in time, does not end the schedule', async () => {
    await using scene = (await newPurgeScene()).folder
    const clock = new SteppedClock(dueMs)
    await using open = await openWrapped(scene.config, { clock })
    const { vault } = open
    const { planHash } = await planned(vault)
    await requestPurge(vault, keeper, { planHash, idempotency: { scope: 'POST /v1/purge-runs', key: 'execute' } })
    clock.step(purgeLimits.planLivesMs)
    assert.equal(await purgeTurn(vault), 4, 'three of the schedule and one erasure')
  })

  test('a clock that leaps while a purge is under way is trusted no more than one that leapt before', async () => {
    await using scene = (await newPurgeScene()).folder
    await using whole = await copyOf(scene)
    const recording = new Faults()
    const calls = await withClock(whole, new SteppedClock(dueMs), recording, vault =>
      recording.record(() => purgeTurn(vault)),
    )
    const trusted: string[] = []
    for (const [index, { name, at }] of calls.entries()) {
      // What the purge takes for the time is on record or kept right after one of these.
      if (at === 'after' || (name !== 'ledger.commit' && name !== 'batches.insert')) continue
      const [clock, faults] = [new SteppedClock(dueMs), new Faults()]
      await using copy = await copyOf(scene)
      await withClock(copy, clock, faults, async vault => {
        await faults.during(
          (_, n) => {
            if (n === index + 1) clock.step(leapMs)
            return false
          },
          () => purgeTurn(vault),
        )
        const state = await vault.ledger.findRetentionState(sceneTenant)
        const learnt = Math.max(state?.trustedMs ?? 0, state?.scheduledMs ?? 0)
        if (learnt > dueMs || (await isClockTrusted(vault, sceneTenant))) trusted.push(`${name}, call ${index + 1}`)
      })
    }
    assert.deepEqual(trusted, [])
  })

  test('a schedule that ran by a clock that was ahead goes on once two people confirm that it was set back', async () => {
    await using scene = (await newPurgeScene()).folder
    const clock = new SteppedClock(dueMs - 5 * dayMs)
    await using open = await openWrapped(scene.config, { clock })
    const { vault } = open
    clock.step(19 * dayMs)
    await purgeTurn(vault)
    await tell(vault, sceneTenant, 'open', { type: 'closed', atMs: bornMs })
    clock.step(-13 * dayMs)
    assert.equal(await purgeTurn(vault), 0, 'the clock went back')
    await confirmed(vault, sceneTenant)
    clock.step(1_000)
    await purgeTurn(vault)
    const [run] = await vault.ledger.openRuns(sceneTenant)
    assert.equal(run?.late, 1, 'a closing that was told years late is planned, and waits')
    assert.ok((run?.plannedAtMs ?? Infinity) < dueMs + 2 * dayMs)
  })

  test('an erasure by a clock that runs years ahead puts off no other paper of the person', async () => {
    await using folder = await newVaultFolder()
    const clock = new SteppedClock(bornMs)
    await using open = await openWrapped(folder.config, { clock })
    const { vault } = open
    const erased = await store(vault, sceneTenant, 'person', 1)
    const other = await store(vault, sceneTenant, 'person', 2, 'address')
    await tell(vault, sceneTenant, 'person', { type: 'closed', atMs: bornMs })
    clock.step(leapMs)
    await erase(vault, erased)
    clock.step(8 * 366 * dayMs - leapMs)
    const due = await vault.ledger.dueSubjects(sceneTenant, clock.nowMs(), { limit: 10 })
    assert.deepEqual(
      due.map(({ reference }) => reference),
      ['person'],
    )
    assert.equal((await vault.ledger.findDocument(sceneTenant, other))?.state, 'stored')
  })

  test('a list over the cap is refused with its exact length however long it is, and what two people erased goes all the same', async () => {
    await using scene = (await newPurgeScene()).folder
    const clock = new SteppedClock(dueMs)
    await using open = await openWrapped(scene.config, { clock })
    const capped = cappedAt(open.vault, 1)
    assert.equal(await purgeTurn(capped), 1, 'the erasure')
    assert.deepEqual(await capped.ledger.openRuns(sceneTenant), [])
    const refusal = await planned(capped).catch((error: unknown) => error)
    assert.ok(refusal instanceof VaultError && refusal.code === 'purge.over-cap')
    assert.deepEqual(refusal.facts, { limit: 1, actual: 3 })
    clock.step(1_000)
    assert.equal(await purgeTurn(capped), 0)
    clock.step(1_000)
    assert.equal(await purgeTurn(cappedAt(open.vault, 3)), 3, 'the platform allows as many')
  })

  test('what names a forgotten person is in no file any more, in no older page of a log either', async () => {
    await using folder = await newVaultFolder()
    const clock = new SteppedClock(bornMs)
    await using open = await openWrapped(folder.config, { clock })
    const { vault } = open
    const name = 'reference-of-a-person'
    await store(vault, sceneTenant, name, 1)
    await tell(vault, sceneTenant, name, { type: 'closed', atMs: bornMs })
    await turnOf(vault, sceneTenant)
    assert.ok(isSomewhere(folder.folder, Buffer.from(name)))
    clock.step(8 * 366 * dayMs)
    await confirmed(vault, sceneTenant)
    clock.step(1_000)
    await turnOf(vault, sceneTenant)
    assert.equal(await vault.ledger.findSubject(sceneTenant, name as SubjectReference), undefined)
    assert.equal(isSomewhere(folder.folder, Buffer.from(name)), false)
  })

  test('a dispute that is told while the last paper is being destroyed stays known until it is resolved', async () => {
    await using folder = await newVaultFolder()
    const clock = new SteppedClock(bornMs)
    await using open = await openWrapped(folder.config, { clock })
    const { vault } = open
    const paper = await store(vault, disputed, 'person', 1)
    await tell(vault, disputed, 'person', { type: 'closed', atMs: bornMs })
    await erase(vault, paper, disputed)
    await tell(vault, disputed, 'person', { type: 'dispute.opened', atMs: bornMs, case: 'D-1' })
    await turnOf(vault, disputed)
    assert.equal((await vault.ledger.findDocument(disputed, paper))?.state, 'purged')
    const person = await vault.ledger.findSubject(disputed, 'person' as SubjectReference)
    assert.ok(person && isWhollyHeld(person))
    assert.deepEqual(await findingsOf(vault), [])
    await tell(vault, disputed, 'person', { type: 'dispute.resolved', atMs: bornMs + 1, case: 'D-1' })
    clock.step(30 * dayMs)
    await turnOf(vault, disputed)
    clock.step(8 * 366 * dayMs)
    await confirmed(vault, disputed)
    await turnOf(vault, disputed)
    assert.equal(await vault.ledger.findSubject(disputed, 'person' as SubjectReference), undefined)
  })
})

async function erase(vault: Vault, id: DocumentId, tenant = sceneTenant): Promise<void> {
  await eraseDocument(vault, callerAs('dpo', 'dpo', tenant), {
    id,
    why: 'court-order',
    reason: { purpose: 'legal', case: 'ORDER-1' as CaseReference },
    second: callerAs('legal', 'legal', tenant),
    idempotency: { scope: `POST /v1/documents/${id}/erasure`, key: 'erase' },
  })
}

function cappedAt(vault: Vault, maxPerRun: number): Vault {
  const tenants = [...vault.tenants.values()].map(tenant => ({ ...tenant, purge: { ...tenant.purge, maxPerRun } }))
  return { ...vault, tenants: new Map(tenants.map(tenant => [tenant.id, tenant])) }
}

async function turnOf(vault: Vault, id: TenantId): Promise<void> {
  const tenant = vault.tenants.get(id)
  assert.ok(tenant)
  await runPurges(vault, tenant, { signal: noSignal, nextAfter: ms => ms + 1 })
}

/** Two people say that the clock is right. */
async function confirmed(vault: Vault, of: TenantId): Promise<void> {
  await confirmClock(vault, callerAs('dpo', 'dpo', of), { second: callerAs('dpo', 'other', of) })
}

async function planned(vault: Vault): Promise<{ readonly planHash: string }> {
  const answered = await requestPlan(vault, dpo, {
    signal: noSignal,
    idempotency: { scope: 'POST /v1/purge-runs', key: 'plan' },
  })
  return JSON.parse(answered.body)
}

async function withClock<T>(
  { config }: { readonly config: Parameters<typeof openWrapped>[0] },
  clock: SteppedClock,
  faults: Faults,
  work: (vault: Vault) => Promise<T>,
): Promise<T> {
  await using open = await openWrapped(config, { clock, wrap: ports => watchPorts(ports, faults.at) })
  return await work(open.vault)
}
