import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Caller } from '../../src/domain/caller.ts'
import { VaultError } from '../../src/domain/errors.ts'
import type { Grant, Settlement } from '../../src/domain/grant.ts'
import { parseCaseReference, parseDocumentId, parsePersonId, parseTenantId } from '../../src/domain/ids.ts'
import { limits } from '../../src/domain/media.ts'
import type { Role } from '../../src/domain/role.ts'
import { admit, close, isLive, isRecorded, observe, settle } from '../../src/guards/admit.ts'
import type { Ports } from '../../src/ports/ports.ts'
import type { TrailBatches } from '../../src/ports/trail-batches.ts'
import { openVault } from '../support/open-vault.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { recorded } from '../support/recorded.ts'
import { refused } from '../support/refused.ts'

const tenant = parseTenantId('omo7777')
const someDocument = parseDocumentId('01900000-0000-7000-8000-000000000001')
const context = { tenant: 'omo7777', document: String(someDocument), subject: 's', message: 'm' }
const reason = { purpose: 'kyc', case: parseCaseReference('CASE-1') }

function caller(role: Role, person = 'p-1'): Caller {
  const id = parsePersonId(person)
  assert.ok(id)
  return { kind: 'person', id, tenant, roles: [role], auth: 'key', credential: 'k', requestId: 'r-1' }
}

const deposit = { action: 'document.deposit', resource: { known: true } } as const
const opening = { action: 'document.open.original', resource: { known: true }, reason } as const

/** A vault whose trail store can be made to fail or wait. */
async function vaultWith(
  insert: (real: TrailBatches, ...args: Parameters<TrailBatches['insert']>) => ReturnType<TrailBatches['insert']>,
) {
  return openVault({
    wrapPorts: (ports: Ports): Ports => {
      const { batches } = ports
      const wrapped: TrailBatches = {
        insert: batch => insert(batches, batch),
        find: (...args) => batches.find(...args),
        tail: log => batches.tail(log),
        range: (...args) => batches.range(...args),
        holding: (...args) => batches.holding(...args),
        logs: () => batches.logs(),
        ready: () => batches.ready(),
      }
      return { ...ports, batches: wrapped }
    },
  })
}

test('the types refuse every way to write a grant or a settlement, and take the real ones', () => {
  const folder = new URL('./forged-grants/', import.meta.url)
  const tsc = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url))
  const { stdout } = spawnSync(process.execPath, [tsc, '-p', fileURLToPath(folder), '--pretty', 'false'], {
    encoding: 'utf8',
  })
  const wrong = new Set([...stdout.matchAll(/forged\.ts\((\d+),\d+\): error TS/g)].map(([, line]) => Number(line)))
  const lines = readFileSync(new URL('forged.ts', folder), 'utf8').split('\n')
  const meant = lines.flatMap((line, at) => (line.endsWith('// refused') ? [at + 1] : []))
  assert.equal(meant.length, 10)
  assert.deepEqual(
    [...wrong].sort((a, b) => a - b),
    meant,
    stdout,
  )
})

test('at run time no effect takes a grant or settlement that was not minted', async () => {
  await using open = await openVault()
  const { vault } = open
  const { grant } = await admit(vault, caller('onboarding'), deposit)
  const forged = [
    rawGrant,
    { ...grant },
    JSON.parse(JSON.stringify(grant)) as Grant,
    Object.create(grant) as Grant,
    { outcome: { log: 'omo7777/2026', index: 0 } } as unknown as Settlement,
  ] as const
  for (const by of forged) {
    await refused((async () => vault.ledger.commit(by, []))(), 'grant.spent')
    const asGrant = by as Grant
    await refused((async () => vault.keyring.newDataKey(asGrant, context))(), 'grant.spent')
    await refused((async () => vault.keyring.unwrap(asGrant, [], context))(), 'grant.spent')
    await refused((async () => vault.wrappedKeys.destroy(asGrant, ['doc/x']))(), 'grant.spent')
    await refused((async () => vault.blobs.put(asGrant, 'v1/00/00', [], AbortSignal.timeout(1_000)))(), 'grant.spent')
    await refused((async () => vault.blobs.delete(asGrant, 'v1/00/00'))(), 'grant.spent')
  }
})

test('a grant causes only effects that fit its action', async () => {
  await using open = await openVault()
  const { vault } = open
  const { grant: read } = await admit(vault, caller('senior-reviewer'), { ...opening, document: String(someDocument) })
  await refused((async () => vault.keyring.newDataKey(read, context))(), 'grant.spent')
  await refused((async () => vault.blobs.delete(read, 'v1/00/00'))(), 'grant.spent')
  await refused((async () => vault.wrappedKeys.destroy(read, ['doc/x']))(), 'grant.spent')
  const { grant: write } = await admit(vault, caller('onboarding'), deposit)
  await refused((async () => vault.keyring.unwrap(write, [], context))(), 'grant.spent')
  await refused((async () => vault.blobs.delete(write, 'v1/00/00'))(), 'grant.spent')
})

test('a settled grant is spent: no effect and no second settling', async () => {
  await using open = await openVault()
  const { vault } = open
  const { grant } = await admit(vault, caller('onboarding'), deposit)
  assert.deepEqual(await vault.ledger.commit(grant, []), { done: true })
  assert.equal(isLive(grant), true)
  await settle(vault, grant, { out: 'done' })
  assert.equal(isLive(grant), false)
  await refused((async () => vault.ledger.commit(grant, []))(), 'grant.spent')
  await refused((async () => vault.keyring.newDataKey(grant, context))(), 'grant.spent')
  await refused(settle(vault, grant, { out: 'done' }), 'grant.spent')
  await refused(close(vault, grant, { out: 'error' }), 'grant.spent')
  const outcomes = (await recorded(vault, 'omo7777')).filter(({ of }) => of === grant.intent.id)
  assert.deepEqual(
    outcomes.map(({ out }) => out),
    ['done'],
  )
})

test('a settlement allows exactly one closing commit', async () => {
  await using open = await openVault()
  const { vault } = open
  const { grant } = await admit(vault, caller('onboarding'), deposit)
  const settlement = await settle(vault, grant, { out: 'done' })
  assert.deepEqual(await vault.ledger.commit(settlement, []), { done: true })
  await refused((async () => vault.ledger.commit(settlement, []))(), 'grant.spent')
  await refused((async () => vault.keyring.newDataKey(settlement as unknown as Grant, context))(), 'grant.spent')
})

test('a grant exists only after its intent is durable, a refusal is heard only after it is', async () => {
  const order: string[] = []
  await using open = await vaultWith(async (real, batch) => {
    const answer = await real.insert(batch)
    order.push('durable')
    return answer
  })
  const { vault } = open
  order.length = 0
  await admit(vault, caller('onboarding'), deposit)
  order.push('granted')
  await refused(admit(vault, caller('support'), opening), 'role.not-allowed')
  order.push('refused')
  await observe(vault, caller('auditor'), { action: 'document.list', resource: { known: true } })
  order.push('shown')
  assert.deepEqual(order, ['durable', 'granted', 'durable', 'refused', 'durable', 'shown'])
})

test('what was decided is in the trail: who, what, why and for which case', async () => {
  await using open = await openVault()
  const { vault } = open
  const before = (await recorded(vault, 'omo7777')).length
  const { grant } = await admit(vault, caller('senior-reviewer'), { ...opening, document: String(someDocument) })
  await settle(vault, grant, { out: 'done', detail: { bytes: 10 } })
  const error = await refused(
    admit(vault, caller('support', 'p-2'), { ...opening, document: String(someDocument) }),
    'role.not-allowed',
  )
  assert.equal(isRecorded(error), true)
  const [intent, outcome, denied] = (await recorded(vault, 'omo7777')).slice(before)
  assert.deepEqual(
    {
      act: intent?.act,
      out: intent?.out,
      doc: intent?.doc,
      by: intent?.actor?.id,
      purpose: intent?.purpose,
      case: intent?.case,
    },
    { act: 'document.open.original', out: 'allow', doc: someDocument, by: 'p-1', purpose: 'kyc', case: 'CASE-1' },
  )
  assert.deepEqual(
    { of: outcome?.of, out: outcome?.out, det: outcome?.det },
    { of: intent?.id, out: 'done', det: { bytes: 10 } },
  )
  assert.deepEqual(
    { out: denied?.out, why: denied?.why, by: denied?.actor?.id },
    { out: 'deny', why: 'role.not-allowed', by: 'p-2' },
  )
})

test('rules beyond the table are asked only where the table grants, and their refusal is on record', async () => {
  await using open = await openVault()
  const { vault } = open
  let asked = 0
  const refuse = () => {
    asked++
    return { code: 'paper.quota', facts: { limit: 20 } } as const
  }
  await refused(admit(vault, caller('support'), { ...deposit, refuse }), 'role.not-allowed')
  assert.equal(asked, 0)
  const error = await refused(admit(vault, caller('onboarding'), { ...deposit, refuse }), 'paper.quota')
  assert.equal(asked, 1)
  assert.deepEqual(error.facts, { limit: 20 })
  assert.equal((await recorded(vault, 'omo7777')).at(-1)?.why, 'paper.quota')
})

test('when the trail cannot be written there is no grant, no look and no refusal in its own words', async () => {
  let failing = false
  await using open = await vaultWith((real, batch) => {
    if (failing) throw new VaultError('trail.unavailable')
    return real.insert(batch)
  })
  const { vault } = open
  const before = (await recorded(vault, 'omo7777')).length
  failing = true
  await refused(admit(vault, caller('onboarding'), deposit), 'trail.unavailable')
  const unrecorded = await refused(admit(vault, caller('support'), opening), 'trail.unavailable')
  assert.equal(isRecorded(unrecorded), false)
  await refused(
    observe(vault, caller('auditor'), { action: 'document.list', resource: { known: true } }),
    'trail.unavailable',
  )
  failing = false
  assert.equal((await recorded(vault, 'omo7777')).length, before)
  await admit(vault, caller('onboarding'), deposit)
})

test('when the outcome cannot be written the grant is spent all the same and no settlement comes back', async () => {
  let failing = false
  await using open = await vaultWith((real, batch) => {
    if (failing) throw new VaultError('trail.unavailable')
    return real.insert(batch)
  })
  const { vault } = open
  const { grant } = await admit(vault, caller('onboarding'), deposit)
  failing = true
  await refused(settle(vault, grant, { out: 'done' }), 'trail.unavailable')
  failing = false
  assert.equal(isLive(grant), false)
  await refused(settle(vault, grant, { out: 'done' }), 'grant.spent')
})

test('each recorded refusal counts against its caller, and a grant does not', async () => {
  await using open = await openVault()
  const noonMs = Date.UTC(2026, 0, 1, 12)
  const vault = { ...open.vault, clock: { ...open.vault.clock, nowMs: () => noonMs } }
  await admit(vault, caller('onboarding'), deposit)
  for (let n = 0; n < limits.denialsPerCallerAndMinute; n++) {
    assert.equal(vault.denials.turnAway(caller('support', 'p-9'), noonMs), false)
    await refused(admit(vault, caller('support', 'p-9'), opening), 'role.not-allowed')
  }
  assert.equal(vault.denials.turnAway(caller('support', 'p-9'), noonMs), true)
  assert.equal(vault.denials.turnAway(caller('onboarding'), noonMs), false)
})
