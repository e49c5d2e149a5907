import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { listDocuments } from '../../src/access/list-documents.ts'
import type { DocumentId, SubjectReference } from '../../src/domain/ids.ts'
import type { Answered } from '../../src/guards/idempotency.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { sweepDeposits } from '../../src/upkeep/sweep-deposits.ts'
import { GrantSweep } from '../../src/upkeep/sweep-grants.ts'
import {
  approve,
  callerAs,
  depositPaper,
  documentOf,
  findingsOf,
  noisePicture,
  normalised,
  readPaper,
  reviewOf,
  tenantId,
} from '../support/house-work.ts'
import { TestClock } from '../support/test-clock.ts'
import { everyEntry } from '../support/trail-lines.ts'
import { newVaultFolder, openWrapped, type VaultFolder } from '../support/vault-folder.ts'

const hourMs = 3_600_000
const noSignal = new AbortController().signal
const child = new URL('./kill-at-call.ts', import.meta.url).pathname

interface Job {
  readonly reference: string
  readonly key: string
  readonly person: string
  readonly requestId: string
  readonly document?: DocumentId
  readonly review?: string
}

/** What came out of a process before it ended. */
interface Ended {
  readonly job: Job
  readonly killAt: number
  readonly killed: boolean
  readonly answer?: Answered
  readonly bytesOut: number
  readonly sides?: readonly string[]
}

type Verb = 'deposit' | 'open' | 'decide'

/**
 * A process is killed between any two port calls of a verb, and the next one opens the same folder: every start but the first
 * is one after a crash. What was left behind is judged when all have died.
 */
suite('a process is killed between any two port calls', { concurrency: 2 }, () => {
  test('of an upload: what was acknowledged is there, what was not is absent or whole, and a retry ends in one paper', async () => {
    await using scene = await killEach('deposit')
    const { vault, clock, ended, kept } = scene
    for (const { job, answer, killAt } of ended) {
      const reference = job.reference as SubjectReference
      const what = `killed at call ${killAt}`
      const items = await papersOf(vault, reference)
      if (answer) assert.deepEqual([documentOf(answer)], items, what)
      for (const id of items) assert.deepEqual(await readPaper(vault, id), kept, what)
    }
    clock.advance(4 * 60_000)
    for (const { job, answer, killAt } of ended) {
      const reference = job.reference as SubjectReference
      const again = await depositPaper(vault, { reference, key: job.key, bytes: scene.picture })
      if (answer) assert.deepEqual(again, { ...answer, replayed: true }, `killed at call ${killAt}`)
      assert.deepEqual(await papersOf(vault, reference), [documentOf(again)])
      assert.deepEqual(await readPaper(vault, documentOf(again)), kept)
    }
    await requireHouseInOrder(scene)
  })

  test('of a look: not one byte was given without an intent on disk', async () => {
    await using scene = await killEach('open')
    const intents = new Set<string | undefined>()
    for await (const { act, out, req } of everyEntry(scene.vault)) {
      if (act === 'document.open.original' && out === 'allow') intents.add(req)
    }
    for (const { job, bytesOut, killAt } of scene.ended) {
      if (bytesOut > 0) assert.ok(intents.has(job.requestId), `killed at call ${killAt} after ${bytesOut} bytes`)
      assert.deepEqual(await readPaper(scene.vault, job.document as DocumentId), scene.kept)
    }
    assert.ok(
      scene.ended.some(({ bytesOut, killed }) => killed && bytesOut > 0),
      'some died with bytes on their way',
    )
    await requireHouseInOrder(scene)
  })

  test('of a decision: it is taken once, and a retry tells it', async () => {
    await using scene = await killEach('decide')
    const { vault } = scene
    for (const { job, answer, killAt } of scene.ended) {
      const what = `killed at call ${killAt}`
      const document = job.document as DocumentId
      const review = await vault.ledger.findReviewOf(tenantId, document)
      if (answer) assert.equal(review?.state, 'approved', what)
      const again = await approve(vault, document, job.key, callerAs('reviewer', job.person))
      if (answer) assert.deepEqual(again, { ...answer, replayed: true }, what)
      assert.equal(JSON.parse(again.body).state, 'approved', what)
      assert.equal(JSON.parse(again.body).id, review?.id, what)
    }
    await requireHouseInOrder(scene)
  })
})

interface Scene extends AsyncDisposable {
  readonly vault: Vault
  readonly clock: TestClock
  readonly ended: readonly Ended[]
  readonly picture: Uint8Array
  readonly kept: Buffer
}

async function killEach(verb: Verb): Promise<Scene> {
  const stack = new AsyncDisposableStack()
  const folder = stack.use(await newVaultFolder())
  const picture = await noisePicture(1, 300)
  const jobs = await prepare(folder, verb, picture)
  const undisturbed = await run(folder, verb, 0, jobs[0] as Job)
  const sides = undisturbed.sides ?? []
  const ended = [undisturbed]
  for (const [index, side] of sides.entries()) {
    // Between the end of one call and the beginning of the next nothing happens that could be lost.
    if (side === 'before' && index > 0) continue
    const one = await run(folder, verb, index + 1, jobs[ended.length] as Job)
    assert.ok(one.killed, `call ${index + 1} was reached`)
    ended.push(one)
  }
  assert.ok(ended.length > 7, `${ended.length} kills of ${verb}`)
  const clock = new TestClock()
  const { vault } = stack.use(await openWrapped(folder.config, { clock }))
  const kept = await normalised(vault, picture)
  return { vault, clock, ended, picture, kept, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

/** A person of its own for each kill; for what needs a paper, one that is stored. */
async function prepare({ config }: VaultFolder, verb: Verb, picture: Uint8Array): Promise<readonly Job[]> {
  const jobs = Array.from({ length: 30 }, () => ({
    reference: `person-${randomUUID()}`,
    key: randomUUID(),
    person: `reviewer-${randomUUID()}`,
    requestId: `req-${randomUUID()}`,
  }))
  if (verb === 'deposit') return jobs
  await using open = await openWrapped(config)
  const { vault } = open
  return await Promise.all(
    jobs.map(async job => {
      const reference = job.reference as SubjectReference
      const answer = await depositPaper(vault, { reference, key: job.key, bytes: picture })
      return { ...job, document: documentOf(answer), review: reviewOf(answer) }
    }),
  )
}

async function run({ folder }: VaultFolder, verb: Verb, killAt: number, job: Job): Promise<Ended> {
  const process_ = spawn(process.execPath, [child, folder, verb, String(killAt), JSON.stringify(job)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_COMPILE_CACHE: join(folder, 'code') },
  })
  let output = ''
  process_.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const { promise, resolve } = Promise.withResolvers<[number | null, NodeJS.Signals | null]>()
  process_.on('close', (...end) => resolve(end))
  const [code, signal] = await promise
  if (signal !== 'SIGKILL' && code !== 0) throw new Error(`${verb} ended with ${code ?? signal}`)
  const facts = output
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as { answer?: Answered; bytes?: number; sides?: string[] })
  const answer = facts.find(fact => fact.answer)?.answer
  const sides = facts.find(fact => fact.sides)?.sides
  return {
    job,
    killAt,
    killed: signal === 'SIGKILL',
    bytesOut: facts.reduce((sum, { bytes = 0 }) => sum + bytes, 0),
    ...(answer ? { answer } : {}),
    ...(sides ? { sides } : {}),
  }
}

async function papersOf(vault: Vault, reference: SubjectReference): Promise<readonly DocumentId[]> {
  if (!(await vault.ledger.findSubject(tenantId, reference))) return []
  const { items } = await listDocuments(vault, callerAs('senior-reviewer'), { reference, limit: 10 })
  return items.map(({ id }) => id as DocumentId)
}

/** After the sweeps of the next days nothing is left of any kill. */
async function requireHouseInOrder({ vault, clock }: Scene): Promise<void> {
  clock.advance(hourMs)
  await sweepDeposits(vault, tenantId, noSignal)
  assert.deepEqual(await findingsOf(vault), [])
  clock.advance(30 * hourMs)
  await new GrantSweep().run(vault, noSignal)
  assert.deepEqual(await findingsOf(vault), [])
}
