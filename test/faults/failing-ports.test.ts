import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { listDocuments } from '../../src/access/list-documents.ts'
import { VaultError } from '../../src/domain/errors.ts'
import type { DocumentId } from '../../src/domain/ids.ts'
import type { Answered } from '../../src/guards/idempotency.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { sweepDeposits } from '../../src/upkeep/sweep-deposits.ts'
import { GrantSweep } from '../../src/upkeep/sweep-grants.ts'
import { type Faults, manners, type PortCall } from '../support/failing-ports.ts'
import { openFailingVault } from '../support/failing-vault.ts'
import {
  approve,
  callerAs,
  depositPaper,
  documentOf,
  findingsOf,
  newPaper,
  noisePicture,
  normalised,
  type Paper,
  readPaper,
  reviewOf,
  storePaper,
  take,
  tenantId,
} from '../support/house-work.ts'
import type { TestClock } from '../support/test-clock.ts'
import { intentsOf } from '../support/trail-lines.ts'

const hourMs = 3_600_000
const noSignal = new AbortController().signal
/** While something fails, waiting for it takes less time than it says. */
const hurry = 10

suite('every port call of a verb fails in turn', { concurrency: false }, () => {
  const stack = new AsyncDisposableStack()
  let vault: Vault
  let clock: TestClock
  let faults: Faults
  let picture: Uint8Array
  let kept: Buffer

  before(async () => {
    ;({ vault, clock, faults } = stack.use(await openFailingVault()))
    picture = await noisePicture(1, 300)
    kept = await normalised(vault, picture)
    // What the first of all calls alone does is done.
    await readPaper(vault, await storePaper(vault, picture))
  })
  after(() => stack.disposeAsync())

  /** Runs `work` once for each call that it makes and each manner of failing, both sides of the call. */
  async function failEach<Result>(
    rehearse: () => Promise<() => Promise<unknown>>,
    trial: (fails: (call: PortCall, n: number) => boolean, what: string) => Promise<Result>,
  ): Promise<number> {
    const calls = await faults.record(await rehearse())
    for (const [index, { port, name, at }] of calls.entries()) {
      for (const [manner, failing] of Object.entries(manners)) {
        await trial(failing(index + 1, port), `${name}, call ${index + 1}, ${at} its effect, ${manner}`)
      }
    }
    return calls.length
  }

  /** With the clock hurrying, so that nobody waits two seconds for what is known to fail. */
  async function failing<Result>(
    fails: (call: PortCall, n: number) => boolean,
    work: () => Promise<Result>,
  ): Promise<PromiseSettledResult<Result>> {
    clock.speed = hurry
    try {
      return await faults.during(fails, work)
    } finally {
      clock.speed = 1
    }
  }

  test('a paper that was acknowledged is there, one that was not is absent or whole, and a retry ends in one paper', async () => {
    const acknowledged = new Map<DocumentId, string>()
    const calls = await failEach(
      async () => () => depositPaper(vault, newPaper(picture)),
      async (fails, what) => {
        const paper = newPaper(picture)
        const result = await failing(fails, () => depositPaper(vault, paper))
        requireKnownFailure(result, what)
        if (result.status === 'fulfilled') acknowledged.set(documentOf(result.value), what)
        await requireWholeOrAbsent(vault, paper, result, kept, what)
        // Past the deadline of whatever was left behind; the sweep has not run when the client tries again.
        clock.advance(4 * 60_000)
        const again = await depositPaper(vault, paper)
        assert.equal(again.status, 201, what)
        if (result.status === 'fulfilled') assert.deepEqual(again, { ...result.value, replayed: true }, what)
        await requireOnePaper(vault, paper, again, kept, what)
      },
    )
    assert.ok(calls > 30)
    for (const [id, what] of acknowledged) assert.deepEqual(await readPaper(vault, id), kept, what)
    await requireHouseInOrder()
  })

  test('not one byte of a paper is given without an intent that is durable', async () => {
    const id = await storePaper(vault, picture)
    const calls = await failEach(
      async () => () => readPaper(vault, id),
      async (fails, what) => {
        const caller = callerAs('senior-reviewer')
        let bytesOut = 0
        let intentsAtFirstByte = -1
        const result = await failing(fails, () =>
          readPaper(vault, id, {
            caller,
            onBytes: chunk => {
              bytesOut += chunk.length
            },
          }),
        )
        requireKnownFailure(result, what)
        const intents = await intentsOf(vault, caller)
        intentsAtFirstByte = intents.filter(({ act }) => act === 'document.open.original').length
        if (bytesOut > 0) assert.equal(intentsAtFirstByte, 1, `${what}: ${bytesOut} bytes were given`)
        if (result.status === 'fulfilled') assert.deepEqual(result.value, kept, what)
      },
    )
    assert.ok(calls > 15)
    assert.deepEqual(await readPaper(vault, id), kept)
    await requireHouseInOrder()
  })

  test('a sweep that is interrupted anywhere is finished by the next', async () => {
    const leave = async (): Promise<void> => {
      let commits = 0
      await faults.during(
        ({ name, at }) => {
          if (name === 'ledger.commit' && at === 'before') commits++
          return name === 'ledger.commit' && commits > 1
        },
        () => depositPaper(vault, newPaper(picture)),
      )
      clock.advance(4 * 60_000)
    }
    const sweep = () => sweepDeposits(vault, tenantId, noSignal)
    await sweep()
    const calls = await failEach(
      async () => {
        await leave()
        return sweep
      },
      async (fails, what) => {
        await leave()
        requireKnownFailure(await failing(fails, sweep), what)
        await sweep()
        assert.deepEqual(await vault.ledger.listOverdue(tenantId, clock.nowMs(), 10), [], what)
      },
    )
    assert.ok(calls > 15)
    await requireHouseInOrder()
  })

  test('a decision is taken once, whatever its caller was told, and a retry tells it', async () => {
    const calls = await failEach(
      async () => {
        const { id, reviewer } = await takenPaper(vault, picture)
        return () => approve(vault, id, 'key', reviewer)
      },
      async (fails, what) => {
        const { id, reviewer } = await takenPaper(vault, picture)
        const result = await failing(fails, () => approve(vault, id, 'key', reviewer))
        requireKnownFailure(result, what)
        const review = await vault.ledger.findReviewOf(tenantId, id)
        if (result.status === 'fulfilled') assert.equal(review?.state, 'approved', what)
        const again = await approve(vault, id, 'key', reviewer)
        assert.equal(again.status, 201, what)
        assert.equal(JSON.parse(again.body).state, 'approved', what)
        const desk = await vault.ledger.findDesk(tenantId, reviewer.id)
        assert.deepEqual(desk?.open, [], what)
      },
    )
    assert.ok(calls > 15)
    await requireHouseInOrder()
  })

  /** After the sweeps of the next days nothing is left of any failure. */
  async function requireHouseInOrder(): Promise<void> {
    const unswept = new Set(['deposit.abandoned', 'deposit.overdue'])
    const left = (await findingsOf(vault)).filter(({ code }) => !unswept.has(code))
    assert.deepEqual(left, [], 'before any sweep')
    clock.advance(hourMs)
    await sweepDeposits(vault, tenantId, noSignal)
    assert.deepEqual(await findingsOf(vault), [], 'after the sweep of deposits')
    clock.advance(30 * hourMs)
    await new GrantSweep().run(vault, noSignal)
    assert.deepEqual(await findingsOf(vault), [], 'after the sweep of grants')
  }
})

async function takenPaper(vault: Vault, picture: Uint8Array) {
  const reviewer = callerAs('reviewer', `reviewer-${crypto.randomUUID()}`)
  const answer = await depositPaper(vault, newPaper(picture))
  await take(vault, reviewOf(answer), reviewer)
  return { id: documentOf(answer), reviewer }
}

/** Whoever calls a verb is told by a VaultError, or by the very error that was injected. */
function requireKnownFailure(result: PromiseSettledResult<unknown>, what: string): void {
  if (result.status === 'fulfilled') return
  const { reason } = result
  const isKnown = reason instanceof VaultError || (reason instanceof Error && reason.message === 'injected')
  if (!isKnown) throw new Error(`unknown failure: ${what}`, { cause: reason })
}

async function papersOf(vault: Vault, { reference }: Paper) {
  const known = await vault.ledger.findSubject(tenantId, reference)
  if (!known) return []
  const { items } = await listDocuments(vault, callerAs('senior-reviewer'), { reference, limit: 10 })
  return items
}

async function requireWholeOrAbsent(
  vault: Vault,
  paper: Paper,
  result: PromiseSettledResult<Answered>,
  kept: Buffer,
  what: string,
): Promise<void> {
  const items = await papersOf(vault, paper)
  if (result.status === 'fulfilled') assert.equal(items.length, 1, what)
  assert.ok(items.length <= 1, what)
  for (const { id } of items) assert.deepEqual(await readPaper(vault, id as DocumentId), kept, what)
}

async function requireOnePaper(vault: Vault, paper: Paper, again: Answered, kept: Buffer, what: string): Promise<void> {
  const items = await papersOf(vault, paper)
  assert.deepEqual(
    items.map(({ id }) => id),
    [documentOf(again)],
    what,
  )
  assert.deepEqual(await readPaper(vault, documentOf(again)), kept, what)
}
