import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { type DeniedToken, denialIdOf, tokenLimits } from '../../src/domain/denied-token.ts'
import { blobKeyOf, wrappedKeyId } from '../../src/domain/document.ts'
import { type MessageId, parseMessageId } from '../../src/domain/ids.ts'
import { limits } from '../../src/domain/media.ts'
import { purgeLimits } from '../../src/domain/purge-run.ts'
import type { Tenant } from '../../src/domain/tenant.ts'
import { admit } from '../../src/guards/admit.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { confirmClock } from '../../src/retention/confirm-clock.ts'
import { reckonDue } from '../../src/retention/reckon-due.ts'
import { runPurges } from '../../src/retention/run-purges.ts'
import { forgetAnswers } from '../../src/upkeep/forget-answers.ts'
import { forgetDenials } from '../../src/upkeep/forget-denials.ts'
import { sweepDeposits } from '../../src/upkeep/sweep-deposits.ts'
import { GrantSweep } from '../../src/upkeep/sweep-grants.ts'
import { sweepOrphans } from '../../src/upkeep/sweep-orphans.ts'
import { upkeepCaller } from '../../src/upkeep/upkeep-caller.ts'
import { openFailingVault } from '../support/failing-vault.ts'
import {
  callerAs,
  depositPaper,
  findingsOf,
  newPaper,
  noisePicture,
  readPaper,
  storePaper,
  tenantId,
} from '../support/house-work.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { everyEntry } from '../support/trail-lines.ts'

const dayMs = 86_400_000
const noSignal = new AbortController().signal

test('an attempt that failed is cleared away: key, body, row, and on record; what is stored stays', async () => {
  await using fresh = await openFailingVault()
  const { vault, ports, clock, faults } = fresh
  const picture = await noisePicture(1)
  const kept = await storePaper(vault, picture)
  await faults.during(
    ({ name, at }) => name === 'blobs.put' && at === 'after',
    () => depositPaper(vault, newPaper(picture)),
  )
  assert.equal((await ports.wrappedKeys.list({ limit: 10 })).length, 2)
  clock.advance(limits.deposit.deadlineMs + 1)
  assert.equal(await sweepDeposits(vault, tenantId, noSignal), 1)
  assert.equal(await sweepDeposits(vault, tenantId, noSignal), 0)
  assert.equal((await ports.wrappedKeys.list({ limit: 10 })).length, 1)
  assert.equal((await Array.fromAsync(ports.blobs.list(Number.MAX_SAFE_INTEGER))).length, 1)
  const sweeps = (await Array.fromAsync(everyEntry(vault))).filter(({ act }) => act === 'deposit.sweep')
  assert.deepEqual(
    sweeps.map(({ out }) => out),
    ['allow', 'done'],
  )
  await readPaper(vault, kept)
  assert.deepEqual(await findingsOf(vault), [])
})

test('an orphan is deleted after a day, on record, and nothing that a row names', async () => {
  await using fresh = await openFailingVault()
  const { vault, ports, clock } = fresh
  const kept = await storePaper(vault, await noisePicture(1))
  const [key] = await ports.wrappedKeys.list({ limit: 1 })
  assert.ok(key)
  const orphan = parseMessageId(randomBytes(32).toString('hex')) as MessageId
  await ports.wrappedKeys.put(rawGrant, { ...key, id: wrappedKeyId(orphan), createdAtMs: clock.nowMs() })
  await ports.blobs.put(rawGrant, blobKeyOf(orphan), [randomBytes(100)], noSignal)
  assert.deepEqual(await sweepOrphans(vault, noSignal), { blobs: 0, keys: 0 }, 'it may be somebody’s yet')
  clock.advance(dayMs + 60_000)
  assert.deepEqual((await findingsOf(vault)).map(({ code }) => code).sort(), ['blob.orphan', 'key.orphan'])
  assert.deepEqual(await sweepOrphans(vault, noSignal), { blobs: 1, keys: 1 })
  assert.deepEqual(await findingsOf(vault), [])
  await readPaper(vault, kept)
})

test('an answer is forgotten after seven days, and then its key may be used anew', async () => {
  await using fresh = await openFailingVault()
  const { vault, clock } = fresh
  const paper = newPaper(await noisePicture(1))
  await depositPaper(vault, paper)
  assert.equal((await depositPaper(vault, paper)).replayed, true)
  assert.equal(await forgetAnswers(vault, tenantId, noSignal), 0)
  clock.advance(limits.idempotency.keptMs + 1_000)
  assert.equal(await forgetAnswers(vault, tenantId, noSignal), 1)
  const other = { ...paper, bytes: await noisePicture(2) }
  assert.equal((await depositPaper(vault, other)).replayed, false)
  assert.deepEqual(await findingsOf(vault), [])
})

test('a denial is forgotten once no token and no vote can need it, and not before; one that was renewed stays', async () => {
  await using fresh = await openFailingVault()
  const { vault, ports, clock } = fresh
  const [old, renewed] = ['p-1', 'p-2'].map(subject => denialOf(subject, clock.nowMs()))
  assert.ok(old && renewed)
  for (const put of [old, renewed]) await ports.ledger.commit(rawGrant, [{ row: 'denied-token', expected: 0, put }])
  clock.advance(tokenLimits.denialKeptMs - 1_000)
  assert.equal(await forgetDenials(vault, tenantId, noSignal), 0)
  clock.advance(purgeLimits.clockLeapMs)
  assert.equal(await forgetDenials(vault, tenantId, noSignal), 0)
  const put = { ...denialOf('p-2', clock.nowMs()), version: 2 }
  await ports.ledger.commit(rawGrant, [{ row: 'denied-token', expected: 1, put }])
  clock.advance(2_000)
  assert.equal(await forgetDenials(vault, tenantId, noSignal), 1)
  assert.equal(await forgetDenials(vault, tenantId, noSignal), 0)
  const denialsOf = ({ issuer, subject }: DeniedToken) =>
    ports.ledger.findDenials(tenantId, { issuer, subject, tokenId: 't' })
  assert.deepEqual([await denialsOf(old), await denialsOf(renewed)], [[], [put]])
  const sweeps = (await Array.fromAsync(everyEntry(vault))).filter(({ act }) => act === 'caller.sweep')
  assert.deepEqual(
    sweeps.map(({ out, det }) => [out, det?.denials]),
    [
      ['allow', 1],
      ['done', 1],
    ],
  )
  assert.deepEqual(await findingsOf(vault), [])
})

function denialOf(subject: string, deniedAtMs: number): DeniedToken {
  const issuer = 'https://login.example'
  const expiresAtMs = deniedAtMs + tokenLimits.denialKeptMs
  return { id: denialIdOf(issuer, subject), tenant: tenantId, issuer, subject, deniedAtMs, expiresAtMs, version: 1 }
}

test('a clock that leapt forgets no answer and no denial that counts again once it is put right', async () => {
  await using fresh = await openFailingVault()
  const { vault, ports, clock } = fresh
  const put = denialOf('p-1', clock.nowMs())
  await ports.ledger.commit(rawGrant, [{ row: 'denied-token', expected: 0, put }])
  const paper = newPaper(await noisePicture(1))
  await depositPaper(vault, paper)
  await reckonDue(vault, tenantOfId(vault), { signal: noSignal })
  for (const days of [2, 34, 36, 4_000]) {
    clock.advance(days * dayMs)
    assert.equal(await forgetDenials(vault, tenantId, noSignal), 0, `${days} days`)
    // An answer is kept for seven days of a clock that is trusted.
    if (days !== 34) assert.equal(await forgetAnswers(vault, tenantId, noSignal), 0, `${days} days`)
    clock.advance(-days * dayMs)
  }
  const found = await ports.ledger.findDenials(tenantId, { issuer: put.issuer, subject: put.subject, tokenId: 't' })
  assert.deepEqual(found, [put])
  assert.equal((await depositPaper(vault, paper)).replayed, true)
})

test('after a long stop upkeep goes on as soon as two people say that the clock is right, or a purge trusts it', async () => {
  await using fresh = await openFailingVault()
  const { vault, ports, clock } = fresh
  const put = denialOf('p-1', clock.nowMs())
  await ports.ledger.commit(rawGrant, [{ row: 'denied-token', expected: 0, put }])
  await depositPaper(vault, newPaper(await noisePicture(1)))
  await reckonDue(vault, tenantOfId(vault), { signal: noSignal })
  clock.advance(400 * dayMs)
  assert.equal(await forgetAnswers(vault, tenantId, noSignal), 0)
  await confirmClock(vault, callerAs('dpo', 'dpo'), { second: callerAs('dpo', 'dpo-2') })
  assert.equal(await forgetAnswers(vault, tenantId, noSignal), 1)
  assert.equal(await forgetDenials(vault, tenantId, noSignal), 1)
  // Each night's purge moves the trust on: the same a year later, with a turn each month.
  const later = { ...denialOf('p-2', clock.nowMs()) }
  await ports.ledger.commit(rawGrant, [{ row: 'denied-token', expected: 0, put: later }])
  for (let months = 0; months < 12; months++) {
    clock.advance(30 * dayMs)
    await runPurges(vault, tenantOfId(vault), { signal: noSignal, nextAfter: ms => ms + 1 })
  }
  assert.equal(await forgetDenials(vault, tenantId, noSignal), 1)
})

function tenantOfId(vault: Vault): Tenant {
  return vault.tenants.get(tenantId) ?? assert.fail()
}

test('an intent that never got an outcome is marked once, also when the year has changed since', async () => {
  await using fresh = await openFailingVault()
  const { vault, clock } = fresh
  const closedLate = await begin()
  const never = await begin()
  clock.advance(370 * dayMs)
  await vault.trail.append([{ act: 'document.deposit', out: 'done', of: closedLate, caller: callerAs('onboarding') }])
  assert.equal(await new GrantSweep().run(vault, noSignal), 1)
  assert.equal(await new GrantSweep().run(vault, noSignal), 0, 'a process that starts later does not mark it again')
  const marks = (await Array.fromAsync(everyEntry(vault))).filter(({ out }) => out === 'swept')
  assert.deepEqual(
    marks.map(({ of }) => of),
    [never],
  )
  assert.deepEqual(await findingsOf(vault), [])

  async function begin(): Promise<string> {
    const { grant } = await admit(vault, upkeepCaller(vault, 'test', tenantId), {
      action: 'deposit.sweep',
      resource: { known: true },
    })
    return grant.intent.id
  }
})
