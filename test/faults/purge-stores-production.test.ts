import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { DisableKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { readConfig } from '../../src/config.ts'
import type { DocumentId } from '../../src/domain/ids.ts'
import { type PurgeRun, purgeLimits } from '../../src/domain/purge-run.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { approvePurge } from '../../src/retention/approve-purge.ts'
import { executePurge } from '../../src/retention/execute-purge.ts'
import { planPurge, requestPlan } from '../../src/retention/plan-purge.ts'
import { purgeCaller } from '../../src/retention/purge-caller.ts'
import { purgeFigures } from '../../src/retention/purge-figures.ts'
import { requestPurge } from '../../src/retention/request-purge.ts'
import { callerAs, findingsOf, readPaper, tenantId } from '../support/house-work.ts'
import { accessDenied, injecting, slowDown } from '../support/injecting.ts'
import { kmsNeeds } from '../support/kms-keys.ts'
import { type ProductionPlace, productionPlace, productionSkip } from '../support/production-place.ts'
import { prepare } from '../support/production-site.ts'
import { store, tell } from '../support/purge-work.ts'
import { everyVersion, s3Needs } from '../support/s3-bucket.ts'
import { openWrapped } from '../support/vault-folder.ts'

const skip = productionSkip
/** The database's clock is asked too, so the account ended long ago instead of time passing. */
const longAgoMs = Date.UTC(2005, 0, 1)
const signal = new AbortController().signal
const dpo = callerAs('dpo')

before(() => {
  // As the SDK finds them: the vault has no setting for credentials.
  process.env.AWS_ACCESS_KEY_ID = s3Needs.credentials.accessKeyId
  process.env.AWS_SECRET_ACCESS_KEY = s3Needs.credentials.secretAccessKey
})

test('production: a body that S3 does not let go of keeps no other, is counted, and after so many tries is left to a person', {
  skip,
}, async () => {
  await using place = await productionPlace()
  await prepare(place)
  let stuck: { readonly key: string; readonly answer: typeof slowDown } | undefined
  await using s3 = await injecting(s3Needs.endpoint, (_, operation, url) =>
    stuck && operation === 'GET' && /[?&]versions/.test(url) && url.includes(encodeURIComponent(stuck.key))
      ? stuck.answer
      : undefined,
  )
  await using open = await openWrapped(readConfig({ ...place.settings, VAULT_S3_ENDPOINT: s3.url }))
  const { vault } = open
  const [bad = assert.fail(), ...others] = await duePapers(vault, 3)
  const row = await vault.ledger.findDocument(tenantId, bad)
  const key = row?.state === 'stored' ? row.blobKey : assert.fail()
  stuck = { key, answer: slowDown }
  const first = await purgeAsked(vault, 1)
  assert.deepEqual([first?.destroyed, first?.failed], [2, 1])
  assert.deepEqual(await states(vault, others), ['purged', 'purged'])
  // What it says at once spares the waiting that a store which is slow is given.
  stuck = { key, answer: accessDenied }
  for (let tries = 2; tries <= purgeLimits.mostAttempts; tries++) {
    const run = await purgeAsked(vault, tries)
    assert.deepEqual([run?.destroyed, run?.failed], [0, 1], `try ${tries}`)
  }
  assert.equal(await planPurge(vault, purgeCaller(vault, tenantId), { signal }), undefined, 'the schedule leaves it')
  assert.equal((await figures(vault)).quarantined, 1)
  assert.deepEqual(await states(vault, [bad]), ['purging'])
  assert.equal((await vault.wrappedKeys.list({ limit: 10 })).length, 0, 'it opens no more')
  stuck = undefined
  assert.equal((await purgeAsked(vault, 0))?.destroyed, 1)
  assert.equal((await figures(vault)).quarantined, 0)
  await requireGone(vault, place, [bad, ...others])
})

test('production: a purge needs no KMS: keys that are disabled and a service that is away keep nothing', {
  skip,
}, async () => {
  await using place = await productionPlace()
  await prepare(place)
  await using open = await openWrapped(readConfig(place.settings))
  const { vault } = open
  const due = await duePapers(vault, 3)
  const { endpoint, region, credentials } = kmsNeeds
  const client = new KMSClient({ endpoint, region, credentials })
  await client.send(new DisableKeyCommand({ KeyId: place.documentsArn }))
  client.destroy()
  await assert.rejects(readPaper(vault, due[0] ?? assert.fail()), { code: 'keys.unavailable' })
  {
    await using _ = await place.kms.cut('refused')
    const done = await purgeAsked(vault, 1)
    assert.deepEqual([done?.destroyed, done?.failed], [3, 0])
  }
  await requireGone(vault, place, due)
})

/** Of persons who left long ago, told today. */
async function duePapers(vault: Vault, count: number): Promise<readonly DocumentId[]> {
  const papers: DocumentId[] = []
  for (let n = 0; n < count; n++) {
    papers.push(await store(vault, tenantId, `person-${n}`, n))
    await tell(vault, tenantId, `person-${n}`, { type: 'closed', atMs: longAgoMs })
  }
  return papers
}

/** A person's plan, which another approved: it takes up what failed too often, and what was told late. */
async function plan(vault: Vault, nth: number): Promise<PurgeRun> {
  const idempotency = { scope: 'POST /v1/purge-runs', key: `plan-${nth}` }
  const { body } = await requestPlan(vault, callerAs('purge', 'keeper'), { idempotency, signal })
  const { id, planHash } = JSON.parse(body)
  await approvePurge(vault, dpo, { run: id, planHash })
  return (await vault.ledger.findRun(tenantId, id)) ?? assert.fail()
}

async function purgeAsked(vault: Vault, nth: number): Promise<PurgeRun | undefined> {
  const { planHash } = await plan(vault, nth)
  const idempotency = { scope: 'POST /v1/purge-runs', key: `execute-${nth}` }
  const { body } = await requestPurge(vault, callerAs('purge', 'keeper'), { planHash, idempotency })
  return executePurge(vault, purgeCaller(vault, tenantId), { run: JSON.parse(body).id, signal })
}

const states = (vault: Vault, ids: readonly DocumentId[]) =>
  Promise.all(ids.map(async id => (await vault.ledger.findDocument(tenantId, id))?.state))

const figures = (vault: Vault) => purgeFigures(vault, vault.tenants.get(tenantId) ?? assert.fail())

async function requireGone(vault: Vault, { bucket }: ProductionPlace, ids: readonly DocumentId[]): Promise<void> {
  assert.deepEqual(new Set(await states(vault, ids)), new Set(['purged']))
  assert.equal((await vault.wrappedKeys.list({ limit: 10 })).length, 0)
  const versions = await everyVersion(bucket.client, bucket.bucket)
  assert.equal(versions.filter(({ key }) => /\/[0-9a-f]{64}$/.test(key)).length, 0, 'no version and no marker is left')
  assert.deepEqual(await findingsOf(vault), [])
}
