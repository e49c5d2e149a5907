import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { mongo } from 'mongoose'
import { type CallAnswer, call, paper } from '../support/call.ts'
import { markedPdf } from '../support/marked-paper.ts'
import { productionPlace, productionSkip } from '../support/production-place.ts'
import { productionSite, stopped } from '../support/production-site.ts'
import { ownReplicaSet, primaryPort, type ReplicaSet } from '../support/replica-set.ts'
import { type SmallDisk, smallDisk, smallDiskNeeds } from '../support/small-disk.ts'

const skip = productionSkip || smallDiskNeeds.skip
const tenant = 'jnetot'
const why = { 'Vault-Purpose': 'kyc', 'Vault-Case': 'CASE-1' }
/** What the server lays out for its journal at the start, and a little more. */
const diskMegabytes = 450

test('a server whose disk is full is replaced by another, and a set whose disks are all full is answered for with 503 until there is room', {
  skip,
  timeout: 180_000,
}, async () => {
  const disks = new Map<string, SmallDisk>()
  await using set = await ownReplicaSet(path => {
    const disk = smallDisk(path, diskMegabytes)
    disks.set(path, disk)
    return disk
  })
  await using site = await productionSite(() => productionPlace(set.uri), 1)
  const [vault] = site.vaults
  assert.ok(vault)
  const [onboarding, senior] = [await site.key(tenant, 'onboarding'), await site.key(tenant, 'senior-reviewer')]
  const kept: { readonly id: string; readonly bytes: Buffer }[] = []
  /** The same upload until it is acknowledged; every other answer is 503, 507 or one that says to wait, and soon. */
  const keep = async (): Promise<void> => {
    const subject = `p-${randomBytes(8).toString('hex')}`
    const bytes = markedPdf('a bill of', subject)
    const options = { key: onboarding, headers: { 'Idempotency-Key': subject } }
    const body = () => paper({ type: 'address', kind: 'utility-bill' }, bytes)
    for (;;) {
      const answer = await timed(() =>
        call(vault.url, 'POST', `/v1/subjects/${subject}/documents`, { ...options, body: body() }),
      )
      if (answer.status === 201) return void kept.push({ id: answer.json.id, bytes })
      if (answer.status === 409) return
      assertUnavailable(answer)
    }
  }
  const look = (id: string) =>
    timed(() => call(vault.url, 'GET', `/v1/documents/${id}/content`, { key: senior, headers: why }))

  await keep()
  await fillAndStop(set, disks, [await primaryPort(set.uri)])
  await keep()
  assert.equal((await look(kept[0]?.id ?? '')).status, 200)

  await fillAndStop(set, disks, running(set))
  assertUnavailable(await look(kept[0]?.id ?? ''))
  assert.equal((await call(vault.url, 'GET', '/readyz')).status, 503)
  for (const disk of disks.values()) disk.free()
  await set.restartEnded()
  while ((await call(vault.url, 'GET', '/readyz')).status !== 200) await new Promise(setImmediate)
  await keep()
  for (const { id, bytes } of kept) {
    let answer = await look(id)
    while (answer.status === 503) answer = await look(id)
    assert.ok(answer.bytes.equals(bytes))
  }
  assert.ok(kept.length >= 2)
  await stopped(site)
})

/** A server that cannot write its next checkpoint ends itself; it is asked for one, since its own may take a minute. */
async function fillAndStop(set: ReplicaSet, disks: ReadonlyMap<string, SmallDisk>, ports: readonly number[]) {
  for (const { port, path } of set.members.filter(member => ports.includes(member.port))) {
    disks.get(path)?.fill()
    while (running(set).includes(port)) await checkpoint(port)
  }
}

function running({ members }: ReplicaSet): readonly number[] {
  return members.filter(member => !member.hasEnded()).map(({ port }) => port)
}

async function checkpoint(port: number): Promise<void> {
  const uri = `mongodb://127.0.0.1:${port}/?directConnection=true`
  await using client = new mongo.MongoClient(uri, { serverSelectionTimeoutMS: 500, socketTimeoutMS: 5_000 })
  // Its end is the answer.
  await Promise.allSettled([client.db('admin').command({ fsync: 1 })])
}

async function timed(act: () => Promise<CallAnswer>): Promise<CallAnswer> {
  const startMs = performance.now()
  const answer = await act()
  assert.ok(performance.now() - startMs < 3_000, `${answer.status} after ${performance.now() - startMs} ms`)
  return answer
}

function assertUnavailable({ status, headers, json }: CallAnswer): void {
  assert.ok(status === 503 || status === 507, `${status} ${json.code}`)
  assert.ok(Number(headers.get('retry-after')) > 0)
}
