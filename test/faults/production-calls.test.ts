import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, type TestContext, test } from 'node:test'
import { type CallAnswer, call, paper } from '../support/call.ts'
import { assertNoPlaintext, papersMark, sweptLater } from '../support/left-behind.ts'
import { markedPdf } from '../support/marked-paper.ts'
import { type CuttablePlace, productionSkip } from '../support/production-place.ts'
import { type ProductionSite, productionSite } from '../support/production-site.ts'
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
const why = { 'Vault-Purpose': 'kyc', 'Vault-Case': 'CASE-1' }
interface Setting {
  readonly site: ProductionSite<CuttablePlace>
  readonly url: string
  readonly keys: Readonly<Record<'onboarding' | 'reviewer' | 'senior', string>>
  /** A paper that was kept before anything failed. */
  readonly kept: { readonly id: string; readonly bytes: Buffer }
}

async function setting(): Promise<Setting & AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const site = stack.use(await productionSite(temporaryPlace, 1, { VAULT_READ_BUDGET: '1000000' }))
  const [vault] = site.vaults
  assert.ok(vault)
  const key = (role: string) => site.key(tenant, role)
  const [onboarding, reviewer, senior] = [await key('onboarding'), await key('reviewer'), await key('senior-reviewer')]
  const bytes = markedPdf(papersMark)
  const stored = await upload(vault.url, onboarding, 'kept', bytes)()
  assert.equal(stored.status, 201)
  const kept = { id: String(stored.json.id), bytes }
  const held = stack.move()
  const keys = { onboarding, reviewer, senior }
  return { site, url: vault.url, keys, kept, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

function upload(url: string, key: string, subject: string, bytes: Uint8Array): Act {
  const headers = { 'Idempotency-Key': `upload-${subject}` }
  const meta = { type: 'address', kind: 'utility-bill' }
  const path = `/v1/subjects/${subject}/documents`
  return () => call(url, 'POST', path, { key, headers, body: paper(meta, bytes) })
}

function look({ url, keys, kept }: Setting): Act {
  return async () => {
    const answer = await call(url, 'GET', `/v1/documents/${kept.id}/content`, { key: keys.senior, headers: why })
    if (answer.status === 200) assert.ok(answer.bytes.equals(kept.bytes), 'the paper reads as it was sent')
    return answer
  }
}

let taken: string | undefined

/** Each of these gives a request that was never made before. */
const verbs: Readonly<Record<string, (setting: Setting) => Promise<Act>>> = {
  upload: async ({ url, keys }) => {
    const subject = newSubject()
    return upload(url, keys.onboarding, subject, markedPdf(papersMark, subject))
  },
  look: async setting => look(setting),
  'take a review': async setting => {
    const { url, keys } = setting
    const assignment = (id: string) => `/v1/reviews/${id}/assignment`
    // A person holds at most ten.
    if (taken !== undefined) await call(url, 'DELETE', assignment(taken), { key: keys.reviewer })
    const id = await pendingReview(setting)
    taken = id
    return () => call(url, 'PUT', assignment(id), { key: keys.reviewer })
  },
  decide: async setting => {
    const { url, keys } = setting
    const subject = newSubject()
    const stored = await upload(url, keys.onboarding, subject, markedPdf(papersMark, subject))()
    const id = stored.json.review.id as string
    assert.equal((await call(url, 'PUT', `/v1/reviews/${id}/assignment`, { key: keys.reviewer })).status, 200)
    const options = {
      key: keys.reviewer,
      headers: { 'Idempotency-Key': `decide-${subject}` },
      json: { decision: 'approve', reasons: ['matches-subject'] },
    }
    return () => call(url, 'POST', `/v1/documents/${stored.json.id}/reviews`, options)
  },
  event: async ({ url, keys }) => {
    const subject = newSubject()
    const options = {
      key: keys.onboarding,
      headers: { 'Idempotency-Key': `event-${subject}` },
      json: { type: 'opened', at: '2026-01-01T00:00:00Z' },
    }
    return () => call(url, 'POST', `/v1/subjects/${subject}/events`, options)
  },
}

const newSubject = (): string => `p-${randomBytes(8).toString('hex')}`

async function pendingReview(setting: Setting): Promise<string> {
  const subject = newSubject()
  const stored = await upload(setting.url, setting.keys.onboarding, subject, markedPdf(papersMark, subject))()
  return String(stored.json.review.id)
}

suite('every call to a server fails in turn', { skip: productionSkip, concurrency: 3 }, () => {
  for (const [name, begin] of Object.entries(verbs)) {
    const title = `${name}: each answer is right or 503 within 3 s, and it goes on without a restart`
    test(title, { timeout: 420_000 }, async t => {
      await using own = await setting()
      for (const server of servers) {
        const resets = await resetAtEach(own, server, begin)
        const silences = await silenceAtEach(own, server, begin)
        t.diagnostic(`${server}: ${resets} connections reset, ${silences} silences`)
      }
      await judge(t, own)
    })
  }
})

const latenciesMs = [150, 500, 1_000, 1_800]

test('however late MongoDB, S3 or KMS answer, each request is right or 503 within 3 s', {
  skip: productionSkip,
  timeout: 240_000,
}, async t => {
  await using own = await setting()
  for (const server of servers) {
    for (const latency of latenciesMs) {
      const acts = await Promise.all(Object.values(verbs).map(begin => begin(own)))
      const answers: CallAnswer[] = []
      {
        const toxic = { type: 'latency', stream: 'downstream', attributes: { latency } } as const
        await using _ = await own.site.place[server].add(toxic)
        for (const act of acts) answers.push(await timed(act))
      }
      for (const answer of answers) assertRightOr503(answer, `${server} is ${latency} ms late`)
      t.diagnostic(`${server} ${latency} ms late: ${answers.map(({ status }) => status).join(' ')}`)
      await isReady(own.url, true)
      for (const act of acts) await assertGoesOn(act)
    }
  }
  await judge(t, own)
})

/** The connection of the nth request is reset, before the request arrives or in place of its answer; the next one is not. */
async function resetAtEach(own: Setting, server: Server, begin: (own: Setting) => Promise<Act>): Promise<number> {
  const way = own.site.place[server]
  let resets = 0
  for (const side of ['before', 'after'] as const) {
    for (let at = 1; ; at++) {
      const act = await begin(own)
      const answer = await resetAt(way, act, { at, side })
      if (!answer) break
      assertRightOr503(answer, `${server} reset ${side} call ${at}`)
      if (answer.status >= 400) await assertGoesOn(act)
      resets++
    }
  }
  return resets
}

/** From the nth request on the server is silent: then others are answered too, and readiness tells. */
async function silenceAtEach(own: Setting, server: Server, begin: (own: Setting) => Promise<Act>): Promise<number> {
  const way = own.site.place[server]
  for (let at = 1; ; at++) {
    const act = await begin(own)
    const silence = Promise.withResolvers<AsyncDisposable>()
    const cut = async () => silence.resolve(await way.cut('silent'))
    way.requests.arm({ at, side: 'after', cut })
    const answer = await timed(act)
    if (!way.requests.disarm()) return at - 1
    assertRightOr503(answer, `${server} silent from call ${at}`)
    const [opened, stored] = await Promise.all([
      timed(look(own)),
      timed(upload(own.url, own.keys.onboarding, newSubject(), own.kept.bytes)),
      isReady(own.url, false),
    ])
    for (const { status } of [opened, stored]) assert.equal(status, 503, `while ${server} is silent`)
    await (await silence.promise)[Symbol.asyncDispose]()
    await isReady(own.url, true)
    await assertGoesOn(act)
  }
}

/** The same request again, until it is done; what an unknown end left behind may keep it waiting, and says for how long. */
async function assertGoesOn(act: Act): Promise<void> {
  for (;;) {
    const { status, json, headers } = await act()
    if (status < 300) return
    if (status === 409 && ['idempotency.in-flight', 'ledger.conflict'].includes(json.code)) {
      assert.ok(Number(headers.get('retry-after')) > 0)
      return
    }
    assert.equal(status, 503, `${status} ${json.code}`)
  }
}

/** Nothing was written in clear, nothing was wrapped under another key, and what is left over is named and swept. */
async function judge(t: TestContext, { site }: Setting): Promise<void> {
  const { place, vaults } = site
  for (const { process } of vaults) process.kill('SIGTERM')
  const ran = await Promise.all(vaults.map(({ ended }) => ended))
  assert.deepEqual(
    ran.map(({ code }) => code),
    [0],
  )
  const verified = await runVault(['trail', 'verify'], place.settings)
  assert.equal(verified.code, 0, verified.stdout)
  await assertNoPlaintext(place, ran)
  t.diagnostic(`swept: ${JSON.stringify(await sweptLater(place))}`)
}
