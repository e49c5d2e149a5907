import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { openVault } from '../../src/compose.ts'
import { readConfig } from '../../src/config.ts'
import type { DocumentId, PurgeRunId, TenantId } from '../../src/domain/ids.ts'
import { runPurgesOfAll } from '../../src/jobs/purge-turns.ts'
import type { CallAnswer } from '../support/call.ts'
import { sweptLater } from '../support/left-behind.ts'
import { fresh, type ProductionDesk, productionDesk } from '../support/production-desk.ts'
import { productionSkip } from '../support/production-place.ts'
import { productionSite } from '../support/production-site.ts'
import { s3Needs } from '../support/s3-bucket.ts'
import { Seeded } from '../support/seeded.ts'
import { runVault } from '../support/spawned-vault.ts'
import {
  type Act,
  assertRightOr503,
  isReady,
  resetAt,
  type Server,
  servers,
  temporaryPlace,
  timed,
} from '../support/struck-calls.ts'

const tenant = 'jnetot'
const longAgo = '2005-01-01T00:00:00Z'
const latenciesMs = [150, 500, 1_000, 1_800]
/** So many of the calls of each verb to each server are reset, and half as many are late, each of which takes its seconds. */
const samples = Number(process.env.VAULT_TEST_SAMPLES ?? 2)

/** One request that was never made before, and what is so once it has had its effect, and had it once. */
interface Deed {
  readonly act: Act
  readonly proof: () => Promise<void>
}

/** What was brought in to be held, what two people gave up, and the run that was asked for last. */
const held: DocumentId[] = []
const erased: DocumentId[] = []
let requested: PurgeRunId | undefined

const hold = (subject: string) => ({ subject, kind: 'legal_order', case: 'ORDER-1' })
const runs = '/v1/purge-runs'

const verbs: Readonly<Record<string, (desk: ProductionDesk) => Promise<Deed>>> = {
  hold: async desk => {
    const subject = fresh('p')
    held.push(await desk.upload(subject))
    return {
      act: desk.posting('legal', '/v1/holds', hold(subject)),
      proof: async () => {
        const found = await desk.items(`/v1/holds?subject=${subject}`)
        assert.deepEqual(
          found.map(({ inForce, placedBy }) => [inForce, placedBy]),
          [[true, `first-legal-${tenant}`]],
        )
      },
    }
  },
  release: async desk => {
    const subject = fresh('p')
    await desk.upload(subject)
    const { json } = await desk.post('legal', '/v1/holds', hold(subject))
    return {
      act: desk.posting('legal', `/v1/holds/${json.id}/release`, undefined, desk.beside('dpo')),
      proof: async () => {
        const found = await desk.items(`/v1/holds?subject=${subject}`)
        assert.deepEqual(
          found.map(({ inForce, releasedBy }) => [inForce, releasedBy]),
          [[false, [`first-legal-${tenant}`, `first-dpo-${tenant}`]]],
        )
      },
    }
  },
  plan: async desk => {
    const before = await desk.items(`${runs}?limit=100`)
    return {
      act: desk.posting('dpo', runs, { step: 'plan' }),
      proof: async () => {
        const after = await desk.items(`${runs}?limit=100`)
        assert.equal(after.length - before.length, 1)
        assert.equal(after.filter(({ state }) => state !== 'stale').length, 1, 'older plans are stale')
        assert.equal(after[0].state, 'planned')
        assert.ok(after[0].count >= 2)
      },
    }
  },
  approve: async desk => {
    const { id, planHash } = (await desk.post('purge', runs, { step: 'plan' })).json
    return {
      act: desk.posting('dpo', `${runs}/${id}/approval`, { planHash }),
      proof: async () => {
        const { state, approvedBy, version } = (await desk.ask('dpo', 'GET', `${runs}/${id}`)).json
        assert.deepEqual([state, approvedBy, version], ['approved', `first-dpo-${tenant}`, 2])
      },
    }
  },
  'execute request': async desk => {
    const { id, planHash } = (await desk.post('purge', runs, { step: 'plan' })).json
    await desk.post('dpo', `${runs}/${id}/approval`, { planHash })
    requested = id
    return {
      act: desk.posting('purge', runs, { step: 'execute', planHash }),
      proof: async () => {
        const { state, requestedBy, version } = (await desk.ask('dpo', 'GET', `${runs}/${id}`)).json
        assert.deepEqual([state, requestedBy, version], ['requested', `first-purge-${tenant}`, 3])
      },
    }
  },
  erase: async desk => {
    const id = await desk.upload(fresh('p'))
    erased.push(id)
    return {
      act: desk.posting('dpo', `/v1/documents/${id}/erasure`, { reason: 'court-order' }, desk.beside('legal')),
      proof: async () => {
        const { json } = await desk.ask('dpo', 'GET', `/v1/documents/${id}`)
        assert.deepEqual([json.state, json.reason], ['purging', 'court-order'])
      },
    }
  },
}

test('calls of hold, release, plan, approve, execute and erase are reset, late or refused: each answer is right or 503, and a retry has one effect', {
  skip: productionSkip,
  timeout: 420_000,
}, async t => {
  const chance = new Seeded()
  t.diagnostic(`VAULT_TEST_SEED=${chance.seed}`)
  // What is asked for is executed at the end: no job does it before.
  const more = { VAULT_READ_BUDGET: '1000000' }
  await using site = await productionSite(temporaryPlace, 1, more, '--as', 'intake,access')
  const desk = await productionDesk(site, tenant)
  const due = await Promise.all(['due-1', 'due-2'].map(person => duePaper(desk, person)))
  for (const [name, begin] of Object.entries(verbs)) {
    const struck: string[] = []
    for (const server of servers) {
      const calls = await callsOf(desk, server, begin)
      const way = site.place[server]
      const points = Array.from({ length: calls }, (_, at) => at + 1)
      for (const at of chance.shuffled(points).slice(0, samples)) {
        const side = chance.below(2) === 0 ? 'before' : 'after'
        const what = `${name}: ${server} reset ${side} call ${at} of ${calls}`
        const deed = await begin(desk)
        const answer = await resetAt(way, deed.act, { at, side })
        if (!answer) continue
        await requireOneEffect(deed, answer, what)
        struck.push(`${server} reset ${side} ${at}/${calls}: ${answer.status}`)
      }
      for (const at of chance.shuffled(points).slice(0, Math.ceil(samples / 2))) {
        const latency = latenciesMs[chance.below(latenciesMs.length)] ?? 0
        const deed = await begin(desk)
        const answer = await lateFrom(desk, server, deed.act, { at, latency })
        if (!answer) continue
        await requireOneEffect(deed, answer, `${name}: ${server} ${latency} ms late from call ${at} of ${calls}`)
        struck.push(`${server} ${latency} ms late from ${at}/${calls}: ${answer.status}`)
      }
      const deed = await begin(desk)
      const answer = await refusing(desk, server, deed.act)
      await requireOneEffect(deed, answer, `${name}: ${server} refuses connections`)
      struck.push(`${server} refused: ${answer.status}`)
    }
    t.diagnostic(`${name}: ${struck.join('; ')}`)
  }
  await judge(t, desk, due)
})

/** Of somebody who left long ago, told today: it waits for a plan that another person approves. */
async function duePaper(desk: ProductionDesk, person: string): Promise<DocumentId> {
  const id = await desk.upload(person)
  await desk.post('onboarding', `/v1/subjects/${person}/events`, { type: 'closed', at: longAgo })
  return id
}

/** How many requests a verb makes to a server when nothing fails. */
async function callsOf(
  desk: ProductionDesk,
  server: Server,
  begin: (desk: ProductionDesk) => Promise<Deed>,
): Promise<number> {
  const { act, proof } = await begin(desk)
  const { counts } = desk.site.place[server].requests
  const total = () => [...counts.values()].reduce((sum, count) => sum + count, 0)
  const before = total()
  const answer = await act()
  const calls = total() - before
  assert.ok(answer.status < 300, JSON.stringify(answer.json))
  await proof()
  return calls
}

/** From the nth request on every answer is late. */
async function lateFrom(
  desk: ProductionDesk,
  server: Server,
  act: Act,
  { at, latency }: { readonly at: number; readonly latency: number },
): Promise<CallAnswer | undefined> {
  const way = desk.site.place[server]
  const lateness = Promise.withResolvers<AsyncDisposable>()
  const toxic = { type: 'latency', stream: 'downstream', attributes: { latency } } as const
  way.requests.arm({ at, side: 'before', cut: async () => lateness.resolve(await way.add(toxic)), goesOn: true })
  const answer = await timed(act)
  if (!way.requests.disarm()) return undefined
  await (await lateness.promise)[Symbol.asyncDispose]()
  await isReady(desk.url, true)
  return answer
}

/** The server is not there while the request is made. */
async function refusing(desk: ProductionDesk, server: Server, act: Act): Promise<CallAnswer> {
  let answer: CallAnswer
  {
    await using _ = await desk.site.place[server].cut('refused')
    answer = await timed(act)
  }
  await isReady(desk.url, true)
  return answer
}

/** The same request again, until it is done, and once more: all answers that are right are the same one. */
async function requireOneEffect({ act, proof }: Deed, first: CallAnswer, what: string): Promise<void> {
  assertRightOr503(first, what)
  const answers = first.status < 300 ? [first] : []
  while (answers.length < 2) {
    const answer = await act()
    if (answer.status < 300) answers.push(answer)
    else if (answer.json.code === 'ledger.conflict') assert.ok(Number(answer.headers.get('retry-after')) > 0, what)
    else assertRightOr503(answer, what)
  }
  const [one, other] = answers
  assert.deepEqual([other?.status, other?.json], [one?.status, one?.json], what)
  await proof()
}

/** Jobs destroy what was asked for and nothing else; the trail verifies, and after the sweeps `check` finds nothing. */
async function judge(t: TestContext, { site }: ProductionDesk, due: readonly DocumentId[]) {
  const { place, vaults } = site
  for (const { process } of vaults) process.kill('SIGTERM')
  for (const { ended } of vaults) assert.equal((await ended).code, 0)
  {
    // As the SDK finds them: the vault has no setting for credentials.
    process.env.AWS_ACCESS_KEY_ID = s3Needs.credentials.accessKeyId
    process.env.AWS_SECRET_ACCESS_KEY = s3Needs.credentials.secretAccessKey
    await using opened = await openVault(readConfig(place.settings))
    const { vault } = opened
    const destroyed = await runPurgesOfAll(vault, new AbortController().signal)
    const stateOf = async (id: DocumentId) => (await vault.ledger.findDocument(tenant as TenantId, id))?.state
    for (const id of [...due, ...erased]) assert.equal(await stateOf(id), 'purged')
    for (const id of held) assert.equal(await stateOf(id), 'stored')
    assert.equal(destroyed, due.length + erased.length)
    assert.equal((await vault.ledger.findRun(tenant as TenantId, requested ?? ('' as PurgeRunId)))?.state, 'done')
  }
  const verified = await runVault(['trail', 'verify'], place.settings)
  assert.equal(verified.code, 0, verified.stdout)
  t.diagnostic(`swept: ${JSON.stringify(await sweptLater(place))}`)
}
