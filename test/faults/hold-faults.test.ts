import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, suite, test } from 'node:test'
import { VaultError } from '../../src/domain/errors.ts'
import { isInForce } from '../../src/domain/hold.ts'
import type { CaseReference, DocumentId, HoldId, SubjectReference } from '../../src/domain/ids.ts'
import { isUnanswered, type Subject, type SubjectEvent } from '../../src/domain/subject.ts'
import type { Answered } from '../../src/guards/idempotency.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { recordEvent } from '../../src/intake/record-event.ts'
import { answerDeletions } from '../../src/retention/answer-deletions.ts'
import { eraseDocument } from '../../src/retention/erase-document.ts'
import { finishPurging } from '../../src/retention/finish-purging.ts'
import { placeHold } from '../../src/retention/place-hold.ts'
import { releaseHold } from '../../src/retention/release-hold.ts'
import { GrantSweep } from '../../src/upkeep/sweep-grants.ts'
import { type Faults, manners } from '../support/failing-ports.ts'
import { openFailingVault } from '../support/failing-vault.ts'
import {
  callerAs,
  depositPaper,
  documentOf,
  findingsOf,
  newPaper,
  noisePicture,
  tenantId,
} from '../support/house-work.ts'
import type { TestClock } from '../support/test-clock.ts'

const noSignal = new AbortController().signal
const hourMs = 3_600_000
const hurry = 10

suite('every port call of holds, events, erasures and answers fails in turn', { concurrency: false }, () => {
  const stack = new AsyncDisposableStack()
  let vault: Vault
  let clock: TestClock
  let faults: Faults
  let picture: Uint8Array

  before(async () => {
    ;({ vault, clock, faults } = stack.use(await openFailingVault()))
    picture = await noisePicture(1, 40)
  })
  after(async () => {
    await using _ = stack
    const tenant = vault.tenants.get(tenantId)
    assert.ok(tenant)
    // What was given up on the way is destroyed by the next turn of the purge.
    await finishPurging(vault, tenant, noSignal)
    clock.advance(30 * hourMs)
    await new GrantSweep().run(vault, noSignal)
    assert.deepEqual(await findingsOf(vault), [])
  })

  const subjectOf = async (reference: SubjectReference): Promise<Subject> => {
    const subject = await vault.ledger.findSubject(tenantId, reference)
    assert.ok(subject)
    return subject
  }

  interface Kept {
    readonly reference: SubjectReference
    readonly id: DocumentId
  }

  async function withPaper(): Promise<Kept> {
    const paper = newPaper(picture)
    return { reference: paper.reference, id: documentOf(await depositPaper(vault, paper)) }
  }

  const place = ({ reference }: Kept) =>
    placeHold(vault, callerAs('legal'), {
      reference,
      kind: 'legal_order',
      case: 'WRIT/1' as CaseReference,
      idempotency: { scope: 'POST /v1/holds', key: reference },
    })

  const release = async ({ reference }: Kept) => {
    const id = `${(await subjectOf(reference)).id}.1` as HoldId
    return () =>
      releaseHold(vault, callerAs('legal'), {
        id,
        second: callerAs('dpo'),
        reason: { purpose: undefined, case: undefined },
        idempotency: { scope: `POST /v1/holds/${id}/release`, key: reference },
      })
  }

  const erase = ({ id }: Kept) =>
    eraseDocument(vault, callerAs('dpo'), {
      id,
      why: 'court-order',
      reason: { purpose: 'legal', case: 'E/1' as CaseReference },
      second: callerAs('legal'),
      idempotency: { scope: `POST /v1/documents/${id}/erasure`, key: id },
    })

  const tell = ({ reference }: Kept, event: SubjectEvent, key: string = randomUUID()) =>
    recordEvent(vault, callerAs('onboarding'), {
      reference,
      event,
      idempotency: { scope: `POST /v1/subjects/${reference}/events`, key },
    })

  /** Fails each call of `work` in each manner; then the same request again must be answered, and `holds` must be so. */
  async function failEach(
    prepare: () => Promise<Kept>,
    work: (kept: Kept) => Promise<() => Promise<Answered>>,
    isDone: (kept: Kept) => Promise<boolean>,
  ): Promise<void> {
    const rehearsed = await prepare()
    const calls = await faults.record(await work(rehearsed))
    assert.ok(calls.length > 10)
    for (const [index, { port, name, at }] of calls.entries()) {
      for (const [manner, failing] of Object.entries(manners)) {
        const what = `${name}, call ${index + 1}, ${at} its effect, ${manner}`
        const kept = await prepare()
        const run = await work(kept)
        clock.speed = hurry
        const result = await faults.during(failing(index + 1, port), run).finally(() => {
          clock.speed = 1
        })
        if (result.status === 'rejected') requireKnown(result.reason, what)
        else assert.ok(await isDone(kept), `${what}: it was acknowledged`)
        const again = await run()
        assert.ok(again.status < 300, what)
        assert.ok(await isDone(kept), what)
        if (result.status === 'fulfilled') assert.deepEqual(again, { ...result.value, replayed: true }, what)
        assert.ok((await subjectOf(kept.reference)).holds.length <= 1, `${what}: one hold`)
      }
    }
  }

  const isHeld = async ({ reference }: Kept) => (await subjectOf(reference)).holds.some(isInForce)

  test('a hold that was acknowledged is in force, and a retry ends in one hold', () =>
    failEach(withPaper, async kept => () => place(kept), isHeld))

  test('a release that was acknowledged has ended the hold, and a retry tells so', () =>
    failEach(
      async () => {
        const kept = await withPaper()
        await place(kept)
        return kept
      },
      release,
      async kept => !(await isHeld(kept)),
    ))

  test('an erasure that was acknowledged is beyond every read, and a retry tells so', () =>
    failEach(
      withPaper,
      async kept => () => erase(kept),
      async ({ id }) => (await vault.ledger.findDocument(tenantId, id))?.state === 'purging',
    ))

  test('a dispute that was acknowledged holds, and a retry ends in one hold', () =>
    failEach(
      withPaper,
      async kept => {
        const event = { type: 'dispute.opened', atMs: clock.nowMs(), case: 'D/1' as CaseReference } as const
        return () => tell(kept, event, kept.reference)
      },
      isHeld,
    ))

  test('an answer that fails anywhere is given by a later run, and stands in the trail before it stands in the row', async () => {
    const asked = async () => {
      const kept = await withPaper()
      const atMs = clock.nowMs()
      await tell(kept, { type: 'closed', atMs })
      await tell(kept, { type: 'deletion.requested', atMs })
      return kept
    }
    const run = () => answerDeletions(vault, tenantId, noSignal)
    await asked()
    const calls = await faults.record(run)
    assert.ok(calls.length > 8)
    for (const [index, { port, name, at }] of calls.entries()) {
      for (const [manner, failing] of Object.entries(manners)) {
        const what = `${name}, call ${index + 1}, ${at} its effect, ${manner}`
        const kept = await asked()
        clock.speed = hurry
        const result = await faults.during(failing(index + 1, port), run).finally(() => {
          clock.speed = 1
        })
        if (result.status === 'rejected') requireKnown(result.reason, what)
        await run()
        assert.ok(!isUnanswered(await subjectOf(kept.reference)), what)
      }
    }
  })
})

function requireKnown(reason: unknown, what: string): void {
  const isKnown = reason instanceof VaultError || (reason instanceof Error && reason.message === 'injected')
  if (!isKnown) throw new Error(`unknown failure: ${what}`, { cause: reason })
}
