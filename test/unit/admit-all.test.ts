import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Caller } from '../../src/domain/caller.ts'
import { VaultError } from '../../src/domain/errors.ts'
import type { MessageId, PersonId, TenantId } from '../../src/domain/ids.ts'
import type { Role } from '../../src/domain/role.ts'
import { admit, admitAll, isLive, isRecorded, settle, settleAll } from '../../src/guards/admit.ts'
import { openVault } from '../support/open-vault.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { recorded } from '../support/recorded.ts'
import { refused } from '../support/refused.ts'

const tenant = 'omo7777' as TenantId
const person = 'p-1' as PersonId
const deposit = { action: 'document.deposit', resource: { known: true } } as const

function caller(role: Role): Caller {
  return { kind: 'person', id: person, tenant, roles: [role], auth: 'key', credential: 'k', requestId: 'r-1' }
}

test('of many asked at once each has a grant or a refusal of its own, all on record in one batch', async () => {
  await using open = await openVault()
  const { vault } = open
  const purger = { ...caller('purge'), kind: 'job' as const }
  const before = (await vault.batches.tail('omo7777/2026'))?.seq ?? -1
  const answers = await admitAll(
    vault,
    purger,
    [1, 2, 3].map(n => ({
      action: 'purge.execute' as const,
      resource: { known: true },
      document: `d-${n}`,
      refuse: () => (n === 2 ? { code: 'document.held' as const } : undefined),
    })),
  )
  const [first, second, third] = answers
  if (first instanceof VaultError || third instanceof VaultError || !first || !third) return assert.fail('refused')
  assert.ok(second instanceof VaultError && second.code === 'document.held' && isRecorded(second))
  assert.ok(isLive(first) && isLive(third))
  const logs = (await vault.batches.logs()).filter(log => log.startsWith('omo7777/'))
  assert.equal(first.intent.index + 2, third.intent.index)
  const tail = await vault.batches.tail(logs.at(-1) ?? '')
  assert.ok(tail && tail.seq > before && tail.n >= 3)
  const told = (await recorded(vault, 'omo7777')).filter(({ act }) => act === 'purge.execute')
  assert.deepEqual(
    told.map(({ out, doc, why }) => [out, doc, why]),
    [
      ['allow', 'd-1', undefined],
      ['deny', 'd-2', 'document.held'],
      ['allow', 'd-3', undefined],
    ],
  )
  const settled = await settleAll(vault, [
    { grant: first, outcome: { out: 'done' } },
    { grant: third, outcome: { out: 'done' } },
  ])
  assert.equal(settled.length, 2)
  assert.ok(!isLive(first) && !isLive(third))
  await refused(settleAll(vault, [{ grant: first, outcome: { out: 'done' } }]), 'grant.spent')
})

test('whoever may not ask is refused each of many, and none of them has a grant', async () => {
  await using open = await openVault()
  const asks = [1, 2].map(() => ({ action: 'purge.execute' as const, resource: { known: true } }))
  const answers = await admitAll(open.vault, caller('dpo'), asks)
  assert.deepEqual(
    answers.map(answer => answer instanceof VaultError && answer.code),
    ['role.not-allowed', 'role.not-allowed'],
  )
})

test('a settlement whose commit lost its condition had no effect and may be used again, one that was done may not', async () => {
  await using open = await openVault()
  const { vault } = open
  const { grant } = await admit(vault, caller('onboarding'), deposit)
  const settlement = await settle(vault, grant, { out: 'done' })
  const desk = { tenant, person, open: [], version: 8 }
  const lost = await vault.ledger.commit(settlement, [{ row: 'desk', expected: 7, put: desk }])
  assert.deepEqual(lost, { done: false, change: 0, conflict: 'version' })
  assert.deepEqual(
    await vault.ledger.commit(settlement, [{ row: 'desk', expected: 0, put: { ...desk, version: 1 } }]),
    {
      done: true,
    },
  )
  await refused((async () => vault.ledger.commit(settlement, []))(), 'grant.spent')
})

test('what destroys many at once takes no grant that was not minted, and none of another action', async () => {
  await using open = await openVault()
  const { vault } = open
  const { grant } = await admit(vault, caller('onboarding'), deposit)
  const mark = {
    tenant,
    document: 'd' as never,
    messageId: 'm' as MessageId,
    atMs: 0,
    intent: { log: 'omo7777/2026', index: 0, leafHash: '' },
  }
  for (const by of [rawGrant, grant]) {
    await refused((async () => vault.blobs.deleteAll(by, []))(), 'grant.spent')
    await refused((async () => vault.destroyed.append(by, [mark]))(), 'grant.spent')
    await refused((async () => vault.wrappedKeys.destroy(by, ['doc/x']))(), 'grant.spent')
  }
})
