import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SubjectReference, TenantId } from '../../src/domain/ids.ts'
import type { RetentionPolicy } from '../../src/domain/policy.ts'
import type { Tenant } from '../../src/domain/tenant.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { planPurge } from '../../src/retention/plan-purge.ts'
import { purgeCaller } from '../../src/retention/purge-caller.ts'
import { purgeFigures } from '../../src/retention/purge-figures.ts'
import { reckonDue } from '../../src/retention/reckon-due.ts'
import { runPurges } from '../../src/retention/run-purges.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { openVault } from '../support/open-vault.ts'
import { bornMs, dayMs, store, tell } from '../support/purge-work.ts'
import { recorded } from '../support/recorded.ts'
import { refused } from '../support/refused.ts'

const omo = 'omo7777' as TenantId
const signal = new AbortController().signal

/** The same clocks, with other years for an ID. */
function withYears(clocks: RetentionPolicy, years: number, version = clocks.version): RetentionPolicy {
  const rules = [...clocks.rules].map(([type, rule]) => [type, type === 'id' ? { ...rule, years } : rule] as const)
  return { ...clocks, version, rules: new Map(rules) }
}

async function scene() {
  const clock = new ManualClock(bornMs)
  const opened = await openVault({ clock })
  const { vault } = opened
  const tenant = vault.tenants.get(omo) ?? assert.fail()
  await tell(vault, omo, 'p-1', { type: 'tier', atMs: bornMs, tier: 2 })
  await store(vault, omo, 'p-1', 1)
  await tell(vault, omo, 'p-1', { type: 'closed', atMs: bornMs })
  const first = tenant.policies.get(1) ?? assert.fail()
  return {
    opened,
    clock,
    tenant,
    first,
    reckon: (changed: Tenant) => reckonDue(vault, changed, { signal }),
    looksIn: async () => {
      const { lookAtMs } = (await vault.ledger.findSubject(omo, 'p-1' as SubjectReference)) ?? assert.fail()
      return new Date(lookAtMs ?? assert.fail()).getUTCFullYear()
    },
    told: async () =>
      (await recorded(vault, 'omo7777')).filter(({ act, out }) => act === 'retention.reckon' && out === 'allow'),
    errors: () => opened.lines.filter(({ level }) => level === 'error').map(({ event, tenant: of }) => [event, of]),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  }
}

test('a new version of the policy moves the looks of everybody, once', async () => {
  await using at = await scene()
  const { tenant, first } = at
  assert.equal(await at.reckon(tenant), 0, 'reckoned by the first version')
  assert.equal(await at.looksIn(), 2033)
  const second: Tenant = {
    ...tenant,
    version: 2,
    policies: new Map([
      [1, first],
      [2, withYears(first, 6, 2)],
    ]),
  }
  assert.equal(await at.reckon(second), 1)
  assert.equal(await at.looksIn(), 2032)
  assert.equal(await at.reckon(second), undefined)
  assert.deepEqual(at.errors(), [])
})

test('clocks that were changed in place are reckoned anew, so that nothing due is forgotten, and it is on record that a promise was altered', async () => {
  await using at = await scene()
  const { tenant, first } = at
  await at.reckon(tenant)
  const altered: Tenant = { ...tenant, policies: new Map([[1, withYears(first, 6)]]) }
  assert.equal(await at.reckon(altered), 1)
  assert.equal(await at.looksIn(), 2032)
  const last = (await at.told()).at(-1)
  assert.deepEqual(last?.det?.altered, ['1'])
  const shouted = [['clocks of a policy were altered under their version', 'omo7777']]
  assert.deepEqual(at.errors(), shouted)
  assert.equal(await at.reckon(altered), undefined)
  assert.deepEqual(at.errors(), shouted, 'said once')
})

test('an earlier version that was altered on the way to a new one is told as well', async () => {
  await using at = await scene()
  const { tenant, first } = at
  await at.reckon(tenant)
  const policies = new Map([
    [1, withYears(first, 9)],
    [2, withYears(first, 9, 2)],
  ])
  await at.reckon({ ...tenant, version: 2, policies })
  assert.deepEqual((await at.told()).at(-1)?.det?.altered, ['1'])
  assert.equal(at.errors().length, 1)
})

test('what an instance wrote by the former policy while the new one came in is reckoned anew a day later, once', async () => {
  await using at = await scene()
  const { vault } = at.opened
  const { tenant, first, clock } = at
  await at.reckon(tenant)
  const policies = new Map([
    [1, first],
    [2, withYears(first, 6, 2)],
  ])
  const second: Tenant = { ...tenant, version: 2, policies }
  await at.reckon(second)
  clock.advance(60_000)
  await tell(vault, omo, 'p-1', { type: 'closed', atMs: clock.nowMs() })
  assert.equal(await at.looksIn(), 2033, 'by the former policy')
  assert.equal(await at.reckon(second), undefined)
  clock.advance(dayMs)
  assert.equal(await at.reckon(second), 1)
  assert.equal(await at.looksIn(), 2032)
  clock.advance(dayMs)
  assert.equal(await at.reckon(second), undefined)
})

test('an instance with a former policy neither reckons nor plans by it once a newer one is in force', async () => {
  await using at = await scene()
  const { tenant, first } = at
  const policies = new Map([
    [1, first],
    [2, withYears(first, 6, 2)],
  ])
  await at.reckon({ ...tenant, version: 2, policies })
  await refused(at.reckon(tenant), 'policy.unknown')
  await refused(runPurges(at.opened.vault, tenant, { signal, nextAfter: ms => ms }), 'policy.unknown')
  assert.equal(await at.looksIn(), 2032)
})

test('papers of a policy that is gone stay counted as due, and go once it is back, with the clocks reckoned anew or not', async () => {
  await using at = await scene()
  const { tenant, first, clock } = at
  const second: Tenant = {
    ...tenant,
    version: 2,
    policies: new Map([
      [1, first],
      [2, withYears(first, 7, 2)],
    ]),
  }
  const under = (policy: Tenant): Vault => ({
    ...at.opened.vault,
    tenants: new Map([...at.opened.vault.tenants, [omo, policy]]),
  })
  const [former, newer] = [under(tenant), under(second)]
  await tell(newer, omo, 'p-2', { type: 'tier', atMs: bornMs, tier: 2 })
  await store(newer, omo, 'p-2', 2)
  await tell(newer, omo, 'p-2', { type: 'closed', atMs: bornMs })
  clock.advance(8 * 366 * dayMs)
  const night = (vault: Vault, policy: Tenant) => runPurges(vault, policy, { signal, nextAfter: ms => ms })
  assert.equal(await night(former, tenant), 1, 'the paper of the version that is known')
  const overdue = async () => (await purgeFigures(former, tenant)).overdue
  assert.equal(await overdue(), 1)
  clock.advance(dayMs)
  assert.equal(await night(former, tenant), 0)
  assert.equal(await overdue(), 1, 'one look forgets it no more than another')
  // As if every clock had been reckoned by the newer version before it was gone: nobody reckons anything anew.
  const look = await former.ledger.findSubject(omo, 'p-2' as SubjectReference)
  assert.ok((look?.lookAtMs ?? Infinity) < clock.nowMs())
  const due = await planPurge(newer, purgeCaller(newer, omo), { signal })
  assert.equal(due?.count, 1)
  assert.equal(await night(newer, second), 1)
})
