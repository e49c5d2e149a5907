import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { DisableKeyCommand, EnableKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { type CallAnswer, call, paper } from '../support/call.ts'
import { injecting, throttled } from '../support/injecting.ts'
import { kmsNeeds } from '../support/kms-keys.ts'
import { markedPdf } from '../support/marked-paper.ts'
import { productionPlace, productionSkip } from '../support/production-place.ts'
import { productionSite, stopped } from '../support/production-site.ts'
import { Seeded } from '../support/seeded.ts'

const skip = productionSkip
const tenant = 'jnetot'
const why = { 'Vault-Purpose': 'kyc', 'Vault-Case': 'CASE-1' }

/** 60 s where somebody asks for them; an outage of a few seconds says the same of every part but a clock. */
const outageMs = 1_000 * Number(process.env.VAULT_TEST_OUTAGE_SECONDS ?? 4)

type Upload = () => Promise<CallAnswer>

async function site(more: Readonly<Record<string, string>> = {}) {
  const made = await productionSite(productionPlace, 1, more)
  const [vault] = made.vaults
  assert.ok(vault)
  const [onboarding, senior] = [await made.key(tenant, 'onboarding'), await made.key(tenant, 'senior-reviewer')]
  const upload = (): Upload => {
    const subject = `p-${randomBytes(8).toString('hex')}`
    const headers = { 'Idempotency-Key': subject }
    const body = () => paper({ type: 'address', kind: 'utility-bill' }, markedPdf('a bill of', subject))
    return () =>
      call(vault.url, 'POST', `/v1/subjects/${subject}/documents`, { key: onboarding, headers, body: body() })
  }
  const look = (id: string) => call(vault.url, 'GET', `/v1/documents/${id}/content`, { key: senior, headers: why })
  return { ...made, url: vault.url, upload, look }
}

test('an upload asks KMS for one data key and at most two MACs, a cold look for one Decrypt', { skip }, async () => {
  await using own = await site()
  const { counts } = own.place.kms.requests
  const spentBy = async (act: () => Promise<CallAnswer>): Promise<readonly [CallAnswer, Record<string, number>]> => {
    const before = new Map(counts)
    const answer = await act()
    const spent = [...counts].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const)
    return [answer, Object.fromEntries(spent.filter(([, count]) => count > 0))]
  }
  const upload = own.upload()
  for (const [again, most] of [
    [upload, 2],
    [own.upload(), 2],
  ] as const) {
    const [stored, { GenerateDataKey, GenerateMac = 0, ...others }] = await spentBy(again)
    assert.equal(stored.status, 201)
    assert.equal(GenerateDataKey, 1)
    assert.ok(GenerateMac <= most)
    assert.deepEqual(others, {})
    const [opened, calls] = await spentBy(() => own.look(stored.json.id))
    assert.equal(opened.status, 200)
    assert.deepEqual(calls, { Decrypt: 1 })
  }
  const [replayed, calls] = await spentBy(upload)
  assert.equal(replayed.headers.get('idempotent-replayed'), 'true')
  assert.deepEqual(calls, {}, 'a replay asks for nothing')
  await stopped(own)
})

test('while KMS throttles 3 of 10 requests at random, of 60 uploads and 60 looks none fails', { skip }, async t => {
  const chance = new Seeded()
  t.diagnostic(`seed ${chance.seed}`)
  await using proxy = await injecting(kmsNeeds.endpoint, () => (chance.below(10) < 3 ? throttled : undefined))
  await using own = await site({ VAULT_KMS_ENDPOINT: proxy.url })
  for (let round = 0; round < 10; round++) {
    const stored = await Promise.all(Array.from({ length: 6 }, () => own.upload()()))
    const opened = await Promise.all(stored.map(({ json }) => own.look(json.id)))
    assert.deepEqual(
      [...stored, ...opened].map(({ status }) => status),
      [...Array(6).fill(201), ...Array(6).fill(200)],
    )
  }
  await stopped(own)
})

test('while the key is disabled nothing is sealed or opened, and everything once it is back', { skip }, async () => {
  await using own = await site()
  const kept = await own.upload()()
  assert.equal(kept.status, 201)
  const { region, endpoint, credentials } = kmsNeeds
  const client = new KMSClient({ region, endpoint, credentials })
  const key = { KeyId: own.place.documentsArn }
  await client.send(new DisableKeyCommand(key))
  const upload = own.upload()
  for (const answer of [await upload(), await own.look(kept.json.id)]) unavailable(answer)
  await untilReady(own.url, false)
  await client.send(new EnableKeyCommand(key))
  await untilReady(own.url, true)
  assert.deepEqual([(await upload()).status, (await own.look(kept.json.id)).status], [201, 200])
  client.destroy()
  await stopped(own)
})

test('an outage of KMS is answered with 503 within 3 s as long as it lasts, and over within 10 s', {
  skip,
  timeout: outageMs + 60_000,
}, async () => {
  await using own = await site()
  const kept = await own.upload()()
  const upload = own.upload()
  const outage = await own.place.kms.cut('refused')
  const untilMs = performance.now() + outageMs
  let answers = 0
  while (performance.now() < untilMs) {
    for (const answer of await Promise.all([timed(upload), timed(() => own.look(kept.json.id))])) {
      unavailable(answer)
      answers++
    }
    await untilReady(own.url, false)
  }
  assert.ok(answers >= 2)
  await outage[Symbol.asyncDispose]()
  const backMs = performance.now()
  await untilReady(own.url, true)
  assert.deepEqual([(await upload()).status, (await own.look(kept.json.id)).status], [201, 200])
  assert.ok(performance.now() - backMs < 10_000)
  await stopped(own)
})

async function timed(act: () => Promise<CallAnswer>): Promise<CallAnswer> {
  const startMs = performance.now()
  const answer = await act()
  assert.ok(performance.now() - startMs < 3_000, `${performance.now() - startMs} ms`)
  return answer
}

function unavailable({ status, json, headers }: CallAnswer): void {
  assert.deepEqual([status, json.code], [503, 'keys.unavailable'])
  assert.ok(Number(headers.get('retry-after')) > 0)
}

async function untilReady(url: string, expected: boolean): Promise<void> {
  while ((await call(url, 'GET', '/readyz')).status !== (expected ? 200 : 503)) await new Promise(setImmediate)
}
