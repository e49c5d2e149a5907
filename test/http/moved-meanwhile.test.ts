import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SubjectReference } from '../../src/domain/ids.ts'
import { type DepositInput, deposit } from '../../src/intake/deposit.ts'
import { openFileDesk } from '../support/file-desk.ts'
import { callerAs, noisePicture } from '../support/house-work.ts'
import { leftovers, recorded } from '../support/recorded.ts'
import { refused } from '../support/refused.ts'

const by = callerAs('onboarding')

/** An ID of `reference`; `meanwhile` happens while its file comes in. */
function upload(reference: string, picture: number, meanwhile?: () => Promise<void>): DepositInput {
  return {
    reference: reference as SubjectReference,
    type: 'id',
    kind: 'passport',
    idempotency: { scope: `POST /v1/subjects/${reference}/documents`, key: reference },
    collect: async () => {
      await meanwhile?.()
      return noisePicture(picture, 40)
    },
    signal: new AbortController().signal,
  }
}

test('a request that is repeated while its first try ends is told the first answer, and stores nothing', async () => {
  await using desk = await openFileDesk('jnetot')
  await desk.tell('p-1', 'tier', { tier: 1 })
  const { vault } = desk.opened
  let first: Awaited<ReturnType<typeof deposit>> | undefined
  const meanwhile = async () => {
    first = await deposit(vault, by, upload('p-1', 1))
  }
  const second = await deposit(vault, by, upload('p-1', 1, meanwhile))
  assert.deepEqual(second, { ...first, replayed: true })
  assert.deepEqual(await leftovers(vault, 'jnetot'), { rows: 1, keys: 1, blobs: 1 })
  const last = (await recorded(vault, 'jnetot')).at(-1)
  assert.deepEqual([last?.act, last?.out, last?.why], ['document.deposit', 'done', 'replayed'])
})

test('another file under a key that was used while it came in is a conflict, and stores nothing', async () => {
  await using desk = await openFileDesk('jnetot')
  await desk.tell('p-2', 'tier', { tier: 1 })
  const { vault } = desk.opened
  const meanwhile = async () => void (await deposit(vault, by, upload('p-2', 1)))
  await refused(deposit(vault, by, upload('p-2', 2, meanwhile)), 'idempotency.conflict')
  assert.deepEqual(await leftovers(vault, 'jnetot'), { rows: 1, keys: 1, blobs: 1 })
})

test('what the platform tells of a person while the file comes in is neither lost nor in the way', async () => {
  await using desk = await openFileDesk('jnetot')
  await desk.tell('p-3', 'tier', { tier: 1 })
  const { version } = await desk.subject('p-3')
  const meanwhile = async () => assert.equal((await desk.tell('p-3', 'tier', { tier: 2 })).status, 202)
  const stored = await deposit(desk.opened.vault, by, upload('p-3', 3, meanwhile))
  assert.equal(stored.status, 201)
  const subject = await desk.subject('p-3')
  assert.deepEqual([subject.tier, subject.version], [2, version + 2])
})
