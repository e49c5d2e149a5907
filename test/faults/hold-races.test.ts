import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, suite, test } from 'node:test'
import { MongoLedger } from '../../src/adapters/mongo-ledger.ts'
import type { Caller } from '../../src/domain/caller.ts'
import type { StoredDocument } from '../../src/domain/document.ts'
import { VaultError } from '../../src/domain/errors.ts'
import { isInForce } from '../../src/domain/hold.ts'
import type { CaseReference, DocumentId, HoldId, SubjectReference } from '../../src/domain/ids.ts'
import type { Subject } from '../../src/domain/subject.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { recordEvent } from '../../src/intake/record-event.ts'
import type { Ports } from '../../src/ports/ports.ts'
import { eraseDocument } from '../../src/retention/erase-document.ts'
import { placeHold } from '../../src/retention/place-hold.ts'
import { releaseHold } from '../../src/retention/release-hold.ts'
import { givingUp } from '../support/file-desk.ts'
import {
  callerAs,
  depositPaper,
  documentOf,
  findingsOf,
  newPaper,
  noisePicture,
  tenantId,
} from '../support/house-work.ts'
import { mongoNeeds, sharedMongo } from '../support/mongo-database.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { TestClock } from '../support/test-clock.ts'
import { newVaultFolder, openWrapped } from '../support/vault-folder.ts'

const races = 25
const racers = 20

const mongo = sharedMongo('ledger.unavailable')

/** Everything but the ledger is embedded. */
const ledgers = [
  { name: 'SQLite', skip: false, wrap: async () => (ports: Ports) => ports },
  {
    name: 'MongoDB',
    skip: mongoNeeds.skip,
    wrap: async () => {
      const ledger = new MongoLedger(await mongo())
      return (ports: Ports): Ports => ({ ...ports, ledger })
    },
  },
] as const

for (const { name, skip, wrap } of ledgers) {
  suite(`${name}: holds, events, erasures and a purge race for one subject`, { skip }, () => {
    const clock = new TestClock()
    const stack = new AsyncDisposableStack()
    let vault: Vault
    let ports: Ports
    let picture: Uint8Array

    before(async () => {
      const folder = stack.use(await newVaultFolder())
      const over = await wrap()
      const open = stack.use(await openWrapped(folder.config, { clock, wrap: over }))
      vault = open.vault
      ports = over(open.ports)
      picture = await noisePicture(1, 40)
    })
    after(async () => {
      await using _ = stack
      assert.deepEqual(await findingsOf(vault), [])
    })

    const subjectOf = async (reference: SubjectReference): Promise<Subject> => {
      const subject = await ports.ledger.findSubject(tenantId, reference)
      assert.ok(subject)
      return subject
    }

    async function withPaper(): Promise<{ reference: SubjectReference; id: DocumentId }> {
      const paper = newPaper(picture)
      return { reference: paper.reference, id: documentOf(await depositPaper(vault, paper)) }
    }

    const hold = (reference: SubjectReference, about: string, caller: Caller = callerAs('legal')) =>
      placeHold(vault, caller, {
        reference,
        kind: 'legal_order',
        case: about as CaseReference,
        idempotency: { scope: 'POST /v1/holds', key: randomUUID() },
      })

    const erase = (id: DocumentId) =>
      eraseDocument(vault, callerAs('dpo'), {
        id,
        why: 'court-order',
        reason: { purpose: 'legal', case: 'E/1' as CaseReference },
        second: callerAs('legal'),
        idempotency: { scope: `POST /v1/documents/${id}/erasure`, key: randomUUID() },
      })

    /** As a purge does it: read, decide, and commit with the version that was decided on; again from the start when that moved. */
    async function purge(reference: SubjectReference, id: DocumentId): Promise<'given-up' | 'held'> {
      for (;;) {
        const subject = await subjectOf(reference)
        if (subject.holds.some(isInForce)) return 'held'
        const document = await ports.ledger.findDocument(tenantId, id)
        if (document?.state !== 'stored') return 'given-up'
        const changes = givingUp(subject, [document as StoredDocument], clock.nowMs())
        if ((await ports.ledger.commit(rawGrant, changes)).done) return 'given-up'
      }
    }

    test('twenty people who place twenty holds on one subject place twenty, numbered without gaps', async () => {
      const { reference } = await withPaper()
      const answers = await Promise.all(Array.from({ length: racers }, (_, n) => hold(reference, `case/${n}`)))
      assert.ok(answers.every(({ status }) => status === 201))
      const { holds } = await subjectOf(reference)
      assert.deepEqual(
        holds.map(({ n }) => n),
        Array.from({ length: racers }, (_, n) => n + 1),
      )
      assert.equal(new Set(holds.map(other => other.case)).size, racers)
    })

    test('of twenty who place the same hold exactly one does, and the others learn that it is there', async () => {
      const { reference } = await withPaper()
      const tries = Array.from({ length: racers }, (_, n) => hold(reference, 'same', callerAs('legal', `legal-${n}`)))
      const results = await Promise.allSettled(tries)
      requireWinners(results, 1, ['hold.exists'])
      assert.equal((await subjectOf(reference)).holds.length, 1)
    })

    test('of twenty pairs who release one hold exactly one does', async () => {
      const { reference } = await withPaper()
      await hold(reference, 'released')
      const id = `${(await subjectOf(reference)).id}.1` as HoldId
      const tries = Array.from({ length: racers }, (_, n) =>
        releaseHold(vault, callerAs('legal', `legal-${n}`), {
          id,
          second: callerAs('dpo', `dpo-${n}`),
          reason: { purpose: undefined, case: undefined },
          idempotency: { scope: `POST /v1/holds/${id}/release`, key: 'release' },
        }),
      )
      const winner = requireWinners(await Promise.allSettled(tries), 1, ['hold.ended'])
      const [released] = (await subjectOf(reference)).holds
      assert.deepEqual(released?.releasedBy, [`legal-${winner}`, `dpo-${winner}`])
    })

    test('of a hold and a purge exactly one wins: what is held is there, what is given up was not held', async () => {
      const wins = { hold: 0, purge: 0 }
      for (let race = 0; race < races; race++) {
        const { reference, id } = await withPaper()
        const [placed, purged] = await Promise.allSettled([hold(reference, 'case/1'), purge(reference, id)])
        assert.ok(purged.status === 'fulfilled')
        const state = (await ports.ledger.findDocument(tenantId, id))?.state
        const isHeld = (await subjectOf(reference)).holds.some(isInForce)
        if (placed.status === 'fulfilled') {
          assert.deepEqual([placed.value.status, state, isHeld, purged.value], [201, 'stored', true, 'held'])
          wins.hold++
        } else {
          requireCode(placed.reason, ['hold.too-late'])
          assert.deepEqual([state, isHeld, purged.value], ['purging', false, 'given-up'])
          wins.purge++
        }
      }
      assert.equal(wins.hold + wins.purge, races)
    })

    test('a hold that overtakes a purge between its decision and its commit wins, and the purge loses its commit', async () => {
      const { reference, id } = await withPaper()
      const decidedOn = await subjectOf(reference)
      const document = await ports.ledger.findDocument(tenantId, id)
      assert.ok(document?.state === 'stored')
      assert.equal((await hold(reference, 'case/1')).status, 201)
      const committed = await ports.ledger.commit(rawGrant, givingUp(decidedOn, [document], clock.nowMs()))
      assert.deepEqual([committed.done, !committed.done && committed.conflict], [false, 'version'])
      assert.equal((await ports.ledger.findDocument(tenantId, id))?.state, 'stored')
    })

    test('of a hold and an erasure exactly one wins', async () => {
      for (let race = 0; race < races; race++) {
        const { reference, id } = await withPaper()
        const [placed, erased] = await Promise.allSettled([hold(reference, 'case/1'), erase(id)])
        const state = (await ports.ledger.findDocument(tenantId, id))?.state
        assert.equal(state, erased.status === 'fulfilled' ? 'purging' : 'stored')
        assert.notEqual(placed.status, erased.status)
        if (placed.status === 'rejected') requireCode(placed.reason, ['hold.too-late'])
        if (erased.status === 'rejected') requireCode(erased.reason, ['document.held'])
      }
    })

    test('of twenty who erase one paper exactly one does', async () => {
      const { id } = await withPaper()
      const results = await Promise.allSettled(Array.from({ length: racers }, () => erase(id)))
      requireWinners(results, 1, ['document.purged'])
    })

    test('twenty events and holds at once are all in the subject in the end', async () => {
      const { reference } = await withPaper()
      const atMs = clock.nowMs()
      const tell = (n: number) =>
        recordEvent(vault, callerAs('onboarding'), {
          reference,
          event: { type: 'dispute.opened', atMs, case: `D/${n}` as CaseReference },
          idempotency: { scope: `POST /v1/subjects/${reference}/events`, key: randomUUID() },
        })
      const half = Array.from({ length: racers / 2 }, (_, n) => n)
      await Promise.all(half.flatMap(n => [hold(reference, `W/${n}`), tell(n)]))
      const { holds } = await subjectOf(reference)
      assert.equal(holds.filter(isInForce).length, racers)
      assert.deepEqual(
        holds.map(({ n }) => n),
        Array.from({ length: racers }, (_, n) => n + 1),
      )
    })
  })
}

/** @returns the first who won */
function requireWinners(results: readonly PromiseSettledResult<unknown>[], count: number, losing: readonly string[]) {
  const winners = results.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []))
  assert.equal(winners.length, count)
  for (const result of results) if (result.status === 'rejected') requireCode(result.reason, losing)
  return winners[0]
}

function requireCode(error: unknown, codes: readonly string[]): void {
  if (error instanceof VaultError && codes.includes(error.code)) return
  throw new Error(`not one of ${codes.join(', ')}`, { cause: error })
}
