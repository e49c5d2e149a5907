import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VaultError } from '../../src/domain/errors.ts'
import type { ApprovalId, TenantId } from '../../src/domain/ids.ts'
import { admit, close, settle } from '../../src/guards/admit.ts'
import type { Change } from '../../src/ports/ledger.ts'
import { type CallAnswer, call } from '../support/call.ts'
import { openVault, type TestVault } from '../support/open-vault.ts'
import { recorded } from '../support/recorded.ts'
import { refused } from '../support/refused.ts'

const tenant = 'jnetot'

/** A vault whose ledger does something else with the next commit that makes a key for somebody. */
async function failingOnce(
  end: 'lost' | 'away' | 'unknown',
): Promise<TestVault & { readonly seen: readonly Change[][] }> {
  const seen: Change[][] = []
  const opened = await openVault({
    wrapPorts: ports => {
      const { ledger } = ports
      const commit: typeof ledger.commit = async (by, changes) => {
        if (!changes.some(change => change.row === 'key' && 'put' in change && change.put.person === 'rev-9')) {
          return ledger.commit(by, changes)
        }
        seen.push([...changes])
        if (seen.length > 1) return ledger.commit(by, changes)
        if (end === 'lost') return { done: false, change: 0, conflict: 'version' }
        if (end === 'unknown') await ledger.commit(by, changes)
        throw new VaultError('ledger.unavailable')
      }
      return {
        ...ports,
        ledger: new Proxy(ledger, { get: (of, name) => (name === 'commit' ? commit : bound(of, name)) }),
      }
    },
  })
  return Object.assign(opened, { seen })
}

function bound(of: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(of, name)
  return typeof value === 'function' ? value.bind(of) : value
}

async function granted(opened: TestVault): Promise<() => Promise<CallAnswer>> {
  const json = { action: 'caller.manage', target: 'new-key/rev-9/person/reviewer' }
  const headers = { 'Idempotency-Key': 'ask' }
  const asked = await call(opened.door.url, 'POST', '/v1/approvals', {
    key: opened.key(tenant, 'admin'),
    headers,
    json,
  })
  const path = `/v1/approvals/${asked.json.id}/votes`
  const voted = await call(opened.door.url, 'POST', path, { key: opened.key(tenant, 'dpo'), json: { vote: 'grant' } })
  assert.equal(voted.status, 201)
  return () =>
    call(opened.door.url, 'POST', '/v1/callers', {
      key: opened.key(tenant, 'admin'),
      headers: { 'Vault-Approval': asked.json.id },
      json: { person: 'rev-9', kind: 'person', roles: ['reviewer'] },
    })
}

for (const end of ['lost', 'away'] as const) {
  test(`an approval is not spent on an effect that did not happen: its commit was ${end}`, async () => {
    await using opened = await failingOnce(end)
    const make = await granted(opened)
    assert.equal((await make()).status, end === 'lost' ? 409 : 503)
    assert.equal((await make()).status, 201)
    const late = await make()
    assert.deepEqual([late.status, late.json.code], [410, 'approval.ended'])
    assert.deepEqual(
      opened.seen.map(changes => changes.map(({ row }) => row)),
      [
        ['key', 'approval'],
        ['key', 'approval'],
      ],
      'effect and use go together',
    )
  })
}

test('where the end of a commit is not known the approval went with it, and a second effect is refused', async () => {
  await using opened = await failingOnce('unknown')
  const make = await granted(opened)
  assert.equal((await make()).status, 503)
  const again = await make()
  assert.deepEqual([again.status, again.json.code], [410, 'approval.ended'])
  const outs = (await recorded(opened.vault, tenant)).filter(({ act }) => act === 'caller.manage')
  assert.deepEqual(
    outs.map(({ out, why }) => [out, why]),
    [
      ['allow', undefined],
      ['error', 'ledger.unavailable'],
      ['deny', 'approval.ended'],
    ],
  )
})

test('nothing but a commit comes before the approval is used up, and nothing is done while it is not', async () => {
  await using opened = await openVault()
  const { vault, door } = opened
  const json = { action: 'key.rotate', target: 'epoch/docs/1' }
  const headers = { 'Idempotency-Key': 'ask' }
  const asked = await call(door.url, 'POST', '/v1/approvals', { key: opened.key(tenant, 'admin'), headers, json })
  const path = `/v1/approvals/${asked.json.id}/votes`
  await call(door.url, 'POST', path, { key: opened.key(tenant, 'dpo'), json: { vote: 'grant' } })
  const caller = await vault.identity.identify(opened.key(tenant, 'admin'), 'test')
  assert.ok(caller)
  const approval = asked.json.id as ApprovalId
  const ask = { action: 'key.rotate', resource: { known: true }, approval, target: json.target } as const
  const { grant } = await admit(vault, caller, ask)
  assert.throws(() => vault.keyring.beginEpoch(grant, caller.tenant as TenantId), { code: 'grant.spent' })
  await refused(settle(vault, grant, { out: 'done' }), 'grant.spent')
  await refused(close(vault, grant, { out: 'done' }), 'grant.spent')
  assert.deepEqual(await vault.ledger.commit(grant, []), { done: true })
  await close(vault, grant, { out: 'done' })
  await refused(admit(vault, caller, ask), 'approval.ended')
})
