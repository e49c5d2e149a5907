import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { openVault } from '../../src/compose.ts'
import { readConfig } from '../../src/config.ts'
import type { DocumentId, SubjectReference, TenantId } from '../../src/domain/ids.ts'
import type { Log } from '../../src/ports/log.ts'
import { approvePurge } from '../../src/retention/approve-purge.ts'
import { confirmClock } from '../../src/retention/confirm-clock.ts'
import { executePurge } from '../../src/retention/execute-purge.ts'
import { planPurge } from '../../src/retention/plan-purge.ts'
import { purgeCaller } from '../../src/retention/purge-caller.ts'
import { readCertificate } from '../../src/retention/read-certificate.ts'
import { callerAs, findingsOf, readPaper } from '../support/house-work.ts'
import { productionPlace, productionSkip } from '../support/production-place.ts'
import { store, tell } from '../support/purge-work.ts'
import { everyVersion, s3Needs } from '../support/s3-bucket.ts'
import { ShiftedClock } from '../support/shifted-clock.ts'
import { runVault } from '../support/spawned-vault.ts'

const skip = productionSkip
const tenant = 'jnetot' as TenantId
/** The database's clock is asked too, so the account ended long ago instead of time passing. */
const longAgoMs = Date.UTC(2005, 0, 1)
const signal = new AbortController().signal
const silent: Log = { info: () => undefined, warn: () => undefined, error: () => undefined }
const dpo = callerAs('dpo', 'dpo', tenant)

before(() => {
  // As the SDK finds them: the vault has no setting for credentials.
  process.env['AWS_ACCESS_KEY_ID'] = s3Needs.credentials.accessKeyId
  process.env['AWS_SECRET_ACCESS_KEY'] = s3Needs.credentials.secretAccessKey
})

async function preparedPlace() {
  const place = await productionPlace()
  for (const args of [['keys', 'init', '--door-key', place.doorKey], ['migrate']]) {
    const ran = await runVault(args, place.settings)
    assert.equal(ran.code, 0, ran.stderr)
  }
  return place
}

test('production: of two instances one executes a run; keys, every version of the bodies and all rows that name them are gone', {
  skip,
}, async () => {
  await using place = await preparedPlace()
  const config = readConfig({ ...place.settings })
  await using one = await openVault(config, { log: silent })
  await using two = await openVault(config, { log: silent })
  const { vault } = one
  const gone: DocumentId[] = []
  for (let n = 0; n < 5; n++) {
    gone.push(await store(vault, tenant, `person-${n}`, n))
    await tell(vault, tenant, `person-${n}`, { type: 'closed', atMs: longAgoMs })
  }
  const kept = await store(vault, tenant, 'person-9', 9)
  await tell(vault, tenant, 'person-3', { type: 'dispute.opened', atMs: longAgoMs, case: 'CASE-1' })
  const held = gone.splice(3, 1)

  assert.equal(await planPurge(vault, purgeCaller(vault, tenant), { signal }), undefined)
  const [run] = await vault.ledger.openRuns(tenant)
  assert.ok(run)
  assert.deepEqual([run.count, run.late], [4, 4], 'what was told so late waits for a person')
  await approvePurge(vault, dpo, { run: run.id, planHash: run.planHash })
  const ends = await Promise.allSettled(
    [one, two].map(({ vault: at }) => executePurge(at, purgeCaller(at, tenant), { run: run.id, signal })),
  )
  const done = ends.flatMap(end => (end.status === 'fulfilled' && end.value ? [end.value] : []))
  assert.deepEqual(
    done.map(({ state, destroyed }) => [state, destroyed]),
    [['done', 4]],
  )

  for (const id of gone) {
    assert.equal((await two.vault.ledger.findDocument(tenant, id))?.state, 'purged')
    assert.equal((await readCertificate(two.vault, dpo, { id })).live.passed, false)
  }
  assert.equal(await vault.ledger.findSubject(tenant, 'person-0' as SubjectReference), undefined)
  const reader = callerAs('senior-reviewer', 'reader', tenant)
  for (const id of [kept, ...held]) assert.ok((await readPaper(vault, id, { caller: reader })).length > 0)
  assert.equal((await vault.wrappedKeys.list({ limit: 10 })).length, 2)
  const versions = await everyVersion(place.bucket.client, place.bucket.bucket)
  assert.equal(versions.filter(({ key }) => /\/[0-9a-f]{64}$/.test(key)).length, 2, 'no version and no marker is left')
  const marks = await Array.fromAsync(vault.destroyed.list())
  assert.deepEqual(marks.map(({ document }) => document).sort(), [...gone].sort())
  assert.deepEqual(await findingsOf(vault), [])
})

test('production: a clock more than five minutes from the database’s plans nothing, until two people confirm it', {
  skip,
}, async () => {
  await using place = await preparedPlace()
  const config = readConfig({ ...place.settings })
  const clock = new ShiftedClock(Date.now())
  await using open = await openVault(config, { log: silent, clock })
  const caller = purgeCaller(open.vault, tenant)
  assert.equal(await planPurge(open.vault, caller, { signal }), undefined, 'nothing is due, and the clock is right')
  for (const shiftMs of [6 * 60_000, -6 * 60_000]) {
    clock.set(Date.now() + shiftMs)
    await assert.rejects(planPurge(open.vault, caller, { signal }), { code: 'purge.clock' })
  }
  const second = callerAs('dpo', 'other', tenant)
  assert.equal((await confirmClock(open.vault, dpo, { second })).trusted, true)
  assert.equal(await planPurge(open.vault, caller, { signal }), undefined)
})
