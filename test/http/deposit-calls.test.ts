import assert from 'node:assert/strict'
import { test } from 'node:test'
import { call, paper } from '../support/call.ts'
import { markedPdf } from '../support/marked-paper.ts'
import { cuttablePlace, productionSkip } from '../support/production-place.ts'
import { prepare } from '../support/production-site.ts'
import { serveVault } from '../support/spawned-vault.ts'

test('a paper of a known person costs MongoDB 15 requests, S3 one and KMS two', {
  skip: productionSkip,
}, async () => {
  await using place = await cuttablePlace()
  const key = await (await prepare(place))('jnetot', 'onboarding')
  // No job asks for anything meanwhile.
  await using vault = await serveVault(place.settings, '--as', 'intake')
  const upload = async (name: string): Promise<void> => {
    const body = paper({ type: 'address', kind: 'utility-bill' }, markedPdf('a bill of', name))
    const headers = { 'Idempotency-Key': name }
    const answer = await call(vault.url, 'POST', '/v1/subjects/p-1/documents', { key, headers, body })
    assert.equal(answer.status, 201)
  }
  const ways = [place.mongo, place.s3, place.kms].map(({ requests }) => requests.counts)
  await upload('first')
  const before = ways.map(counts => new Map(counts))
  await upload('second')
  const [mongo = {}, s3, kms] = ways.map((counts, at) =>
    Object.fromEntries(
      [...counts]
        .map(([name, count]) => [name, count - (before[at]?.get(name) ?? 0)] as const)
        .filter(([, count]) => count > 0),
    ),
  )
  const { find = 0, ...writes } = mongo
  // Intent, row, open answer, wrapped key, outcome, review; then subject, row and answer; two transactions.
  assert.deepEqual(writes, { insert: 6, update: 3, commitTransaction: 2 })
  // API key, subject, answer, closing of the epoch; on a machine that is slow two of them are looked at again.
  assert.ok(find >= 4 && find <= 6, `${find} finds`)
  assert.deepEqual([s3, kms], [{ PUT: 1 }, { GenerateDataKey: 1, GenerateMac: 1 }])
})
