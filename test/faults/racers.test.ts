import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { VaultError } from '../../src/domain/errors.ts'
import { limits } from '../../src/domain/media.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { giveBackReview } from '../../src/review/give-back-review.ts'
import { sweepDeposits } from '../../src/upkeep/sweep-deposits.ts'
import { GrantSweep } from '../../src/upkeep/sweep-grants.ts'
import { type AtCall, watchPorts } from '../support/failing-ports.ts'
import {
  approve,
  callerAs,
  depositPaper,
  documentOf,
  findingsOf,
  newPaper,
  noisePicture,
  readPaper,
  reviewOf,
  storePaper,
  take,
  tenantId,
} from '../support/house-work.ts'
import { TestClock } from '../support/test-clock.ts'
import { everyEntry } from '../support/trail-lines.ts'
import { newVaultFolder, openWrapped } from '../support/vault-folder.ts'

const hourMs = 3_600_000
const noSignal = new AbortController().signal
const races = 25

suite('of two who race for one effect exactly one wins', () => {
  const clock = new TestClock()
  const stack = new AsyncDisposableStack()
  let vault: Vault
  let picture: Uint8Array
  let at: AtCall = () => undefined

  before(async () => {
    const folder = stack.use(await newVaultFolder())
    const wrap = { clock, wrap: (ports: Parameters<typeof watchPorts>[0]) => watchPorts(ports, call => at(call)) }
    vault = stack.use(await openWrapped(folder.config, wrap)).vault
    picture = await noisePicture(1, 48)
  })
  after(async () => {
    assert.deepEqual(await findingsOf(vault), [])
    clock.advance(30 * hourMs)
    await new GrantSweep().run(vault, noSignal)
    assert.deepEqual(await findingsOf(vault), [])
    await stack.disposeAsync()
  })

  test('of two who take a review', async () => {
    for (let race = 0; race < races; race++) {
      const answer = await depositPaper(vault, newPaper(picture))
      const racers = [callerAs('reviewer', `one-${race}`), callerAs('reviewer', `other-${race}`)]
      const results = await Promise.allSettled(racers.map(racer => take(vault, reviewOf(answer), racer)))
      requireOneWinner(results, ['review.taken', 'ledger.conflict'])
    }
  })

  test('of two who decide, and the decision that stands is the one that was answered', async () => {
    for (let race = 0; race < races; race++) {
      const document = await storePaper(vault, picture)
      const racers = [callerAs('senior-reviewer', `one-${race}`), callerAs('senior-reviewer', `other-${race}`)]
      const results = await Promise.allSettled(racers.map(racer => approve(vault, document, `key-${race}`, racer)))
      const winner = requireOneWinner(results, ['review.final', 'ledger.conflict'])
      const review = await vault.ledger.findReviewOf(tenantId, document)
      assert.equal(review?.decision?.by, racers[winner]?.id)
    }
  })

  test('of a decision and the giving back of the review', async () => {
    for (let race = 0; race < races; race++) {
      const answer = await depositPaper(vault, newPaper(picture))
      const reviewer = callerAs('reviewer', `reviewer-${race}`)
      await take(vault, reviewOf(answer), reviewer)
      const results = await Promise.allSettled([
        approve(vault, documentOf(answer), `key-${race}`, reviewer),
        giveBackReview(vault, reviewer, { id: reviewOf(answer) }),
      ])
      requireOneWinner(results, ['review.final', 'review.not-yours', 'role.not-assigned', 'ledger.conflict'])
    }
  })

  test('five uploads under one idempotency key, or of one file, end in one paper', async () => {
    for (let race = 0; race < races; race++) {
      const paper = newPaper(picture)
      const alike = race % 2 === 0 ? ['key'] : ['one', 'two', 'three', 'four', 'five']
      const tries = Array.from({ length: 5 }, (_, n) =>
        depositPaper(vault, { ...paper, key: `${alike[n % alike.length]}-${race}` }),
      )
      const results = await Promise.allSettled(tries)
      const ids = new Set(results.flatMap(result => (result.status === 'fulfilled' ? [documentOf(result.value)] : [])))
      assert.equal(ids.size, 1)
      for (const result of results) {
        if (result.status === 'rejected') {
          requireCode(result.reason, ['idempotency.in-flight', 'document.duplicate', 'ledger.conflict'])
        }
      }
      const subject = await vault.ledger.findSubject(tenantId, paper.reference)
      assert.ok(subject)
      assert.equal((await vault.ledger.listDocuments(tenantId, subject.id, { limit: 10 })).length, 1)
    }
  })

  test('nobody ends with more reviews on the desk than one person may hold', async () => {
    const reviewer = callerAs('reviewer', 'greedy')
    const answers = await Promise.all(Array.from({ length: 14 }, () => depositPaper(vault, newPaper(picture))))
    let open = answers
    // A racer who lost to a later one of the same person may try again; in the end the cap alone refuses.
    for (let round = 0; round < 20 && open.length > 0; round++) {
      const results = await Promise.allSettled(open.map(answer => take(vault, reviewOf(answer), reviewer)))
      open = open.filter((_, n) => {
        const result = results[n]
        return result?.status === 'rejected' && (result.reason as VaultError).code === 'ledger.conflict'
      })
    }
    const desk = await vault.ledger.findDesk(tenantId, reviewer.id)
    assert.equal(desk?.open.length, limits.review.openPerPerson)
  })

  test('a sweep that takes an attempt beats its late publication, which is not acknowledged', async () => {
    const paper = newPaper(picture)
    let commits = 0
    at = async ({ name, at: side }) => {
      if (name !== 'ledger.commit' || side !== 'before' || ++commits !== 2) return
      // The publishing commit is held up until the deadline has passed and the sweep has run.
      at = () => undefined
      clock.advance(limits.deposit.deadlineMs + 1_000)
      assert.equal(await sweepDeposits(vault, tenantId, noSignal), 1)
    }
    await assert.rejects(depositPaper(vault, paper), (error: unknown) => requireCode(error, ['ledger.conflict']))
    assert.deepEqual(await findingsOf(vault), [], 'nothing of it is left')
    const again = await depositPaper(vault, paper)
    assert.equal(again.status, 201)
    await readPaper(vault, documentOf(again))
  })

  test('a sweep that comes too late leaves the paper that was published meanwhile', async () => {
    const paper = newPaper(picture)
    let publish: (() => void) | undefined
    let finished: Promise<unknown> | undefined
    let commits = 0
    const { promise: isHeld, resolve: hold } = Promise.withResolvers<void>()
    at = async ({ name, at: side }) => {
      if (name !== 'ledger.commit' || side !== 'before') return
      commits++
      if (commits === 2) {
        const { promise, resolve } = Promise.withResolvers<void>()
        publish = resolve
        hold()
        await promise
      } else if (commits === 3) {
        // The sweep is about to abandon the row: the publication goes first.
        publish?.()
        await finished
      }
    }
    const depositing = depositPaper(vault, paper)
    finished = depositing
    await isHeld
    clock.advance(limits.deposit.deadlineMs + 1_000)
    assert.equal(await sweepDeposits(vault, tenantId, noSignal), 0)
    at = () => undefined
    await readPaper(vault, documentOf(await depositing))
    assert.deepEqual(await findingsOf(vault), [])
  })

  test('each intent that was allowed has one outcome', async () => {
    const outcomes = new Map<string, number>()
    for await (const { id, out, of } of everyEntry(vault)) {
      if (out === 'allow') outcomes.set(id, 0)
      if (of !== undefined) outcomes.set(of, (outcomes.get(of) ?? 0) + 1)
    }
    assert.deepEqual(
      [...outcomes.values()].filter(count => count !== 1),
      [],
    )
  })
})

function requireOneWinner(results: readonly PromiseSettledResult<unknown>[], losing: readonly string[]): number {
  const winners = results.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []))
  assert.equal(winners.length, 1)
  for (const result of results) if (result.status === 'rejected') requireCode(result.reason, losing)
  return winners[0] as number
}

function requireCode(error: unknown, codes: readonly string[]): true {
  if (error instanceof VaultError && codes.includes(error.code)) return true
  throw new Error(`not one of ${codes.join(', ')}`, { cause: error })
}
