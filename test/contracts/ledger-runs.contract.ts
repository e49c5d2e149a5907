import assert from 'node:assert/strict'
import type { PersonId } from '../../src/domain/ids.ts'
import { type PurgeRun, type PurgeRunState, purgeRunMoves } from '../../src/domain/purge-run.ts'
import type { Change, Ledger } from '../../src/ports/ledger.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { type LedgerSuite, promiseOf } from './ledger-promise.ts'
import { anApiKey, anApproval, aPage, aRetentionState, aRun, elsewhere, here } from './ledger-rows.ts'

/** Purge runs, their pages, approvals and the state of the clock: what every Ledger promises of them. */
export function ledgerRunsContract(...suite: LedgerSuite): void {
  const promise = promiseOf(...suite)
  const done = { done: true } as const
  const lost = { done: false, change: 0, conflict: 'version' } as const

  promise('a run, its pages, an approval and the state of the clock are found as they were put', async ledger => {
    const run = aRun()
    const page = aPage({ run: run.id })
    const approval = anApproval({
      purpose: 'kyc',
      votedBy: { kind: 'person', id: 'p-2' as PersonId, roles: ['dpo'], auth: 'key', credential: 'k' },
    })
    const state = aRetentionState()
    const changes: Change[] = [
      { row: 'run', expected: 0, put: run },
      { row: 'page', expected: 0, put: page },
      { row: 'approval', expected: 0, put: approval },
      { row: 'retention', expected: 0, put: state },
    ]
    assert.deepEqual(await ledger.commit(rawGrant, changes), done)
    assert.deepEqual(await ledger.findRun(here, run.id), run)
    assert.deepEqual(await ledger.listPages(here, run.id, { limit: 9 }), [page])
    assert.deepEqual(await ledger.findApproval(here, approval.id), approval)
    assert.deepEqual(await ledger.findRetentionState(here), state)
    assert.deepEqual(await ledger.tenants(), [here])
    for (const change of changes) assert.deepEqual(await ledger.commit(rawGrant, [change]), lost, `${change.row} twice`)
  })

  promise('no run, page, approval or state of another tenant is seen', async ledger => {
    const run = aRun()
    const approval = anApproval()
    await put(ledger, { row: 'run', expected: 0, put: run })
    await put(ledger, { row: 'page', expected: 0, put: aPage({ run: run.id }) })
    await put(ledger, { row: 'approval', expected: 0, put: approval })
    await put(ledger, { row: 'retention', expected: 0, put: aRetentionState() })
    assert.equal(await ledger.findRun(elsewhere, run.id), undefined)
    assert.equal(await ledger.findApproval(elsewhere, approval.id), undefined)
    assert.equal(await ledger.findRetentionState(elsewhere), undefined)
    assert.deepEqual(await ledger.listRuns(elsewhere, { limit: 9 }), [])
    assert.deepEqual(await ledger.openRuns(elsewhere), [])
    assert.deepEqual(await ledger.listPages(elsewhere, run.id, { limit: 9 }), [])
    assert.deepEqual(await ledger.listApprovals(elsewhere, 'pending', { limit: 9 }), [])
  })

  promise('runs are listed from the newest, page after page, and open ones ascending', async ledger => {
    const runs = Array.from({ length: 5 }, () => aRun())
    for (const run of [...runs.toReversed(), aRun({ tenant: elsewhere })]) {
      await put(ledger, { row: 'run', expected: 0, put: run })
    }
    const newest = runs.toSorted((one, other) => (one.id < other.id ? 1 : -1))
    const seen: PurgeRun[] = []
    for (let page = await ledger.listRuns(here, { limit: 2 }); page.length > 0; ) {
      seen.push(...page)
      const last = page.at(-1)
      assert.ok(last && page.length <= 2)
      page = await ledger.listRuns(here, { after: last.id, limit: 2 })
    }
    assert.deepEqual(seen, newest)
    assert.deepEqual(await ledger.openRuns(here), newest.toReversed())
    const [first] = newest
    assert.ok(first)
    await put(ledger, { row: 'run', expected: 1, put: { ...first, state: 'stale', version: 2 } })
    assert.deepEqual(await ledger.openRuns(here), newest.slice(1).toReversed())
    assert.equal((await ledger.listRuns(here, { limit: 1 }))[0]?.state, 'stale', 'an ended run stays in the list')
  })

  promise('a run makes every legal move and no other', async ledger => {
    const states = Object.keys(purgeRunMoves) as PurgeRunState[]
    const ways: Readonly<Record<PurgeRunState, readonly PurgeRunState[]>> = {
      planned: [],
      approved: ['approved'],
      requested: ['requested'],
      executing: ['requested', 'executing'],
      done: ['requested', 'executing', 'done'],
      stale: ['stale'],
    }
    for (const from of states) {
      for (const to of states) {
        let run = aRun()
        await put(ledger, { row: 'run', expected: 0, put: run })
        for (const state of ways[from]) {
          run = { ...run, state, version: run.version + 1 }
          await put(ledger, { row: 'run', expected: run.version - 1, put: run })
        }
        const next = { ...run, state: to, version: run.version + 1 }
        const move = () => ledger.commit(rawGrant, [{ row: 'run', expected: run.version, put: next }])
        if (purgeRunMoves[from].includes(to)) assert.deepEqual(await move(), done, `${from} to ${to}`)
        else await assert.rejects(move(), RangeError, `${from} to ${to}`)
        const there = purgeRunMoves[from].includes(to) ? next : run
        assert.deepEqual(await ledger.findRun(here, run.id), there)
      }
    }
    const begun = aRun({ state: 'executing' })
    await assert.rejects(ledger.commit(rawGrant, [{ row: 'run', expected: 0, put: begun }]), RangeError)
  })

  promise('of two who move a run exactly one does', async ledger => {
    const run = aRun()
    await put(ledger, { row: 'run', expected: 0, put: run })
    const ends = (['requested', 'stale'] as const).map(state => ({ ...run, state, version: 2 }))
    const results = await Promise.all(ends.map(end => ledger.commit(rawGrant, [{ row: 'run', expected: 1, put: end }])))
    const winner = results.findIndex(result => result.done)
    assert.deepEqual(results.toSpliced(winner, 1), [lost])
    assert.deepEqual(await ledger.findRun(here, run.id), ends[winner])
  })

  promise('pages of a run are listed by number, beyond ten too, and one number is one page', async ledger => {
    const { id: run } = aRun()
    const pages = Array.from({ length: 12 }, (_, n) => aPage({ run, n }))
    for (const page of [...pages.toReversed(), aPage()]) await put(ledger, { row: 'page', expected: 0, put: page })
    assert.deepEqual(await ledger.listPages(here, run, { limit: 99 }), pages)
    assert.deepEqual(await ledger.listPages(here, run, { after: 8, limit: 2 }), pages.slice(9, 11))
    assert.deepEqual(await ledger.listPages(here, run, { after: 11, limit: 2 }), [])
    const twin = aPage({ run, n: 3 })
    assert.deepEqual(await ledger.commit(rawGrant, [{ row: 'page', expected: 0, put: twin }]), lost)
    const ended = { ...aPage({ run, n: 3 }), state: 'done' as const, version: 2 }
    await put(ledger, { row: 'page', expected: 1, put: ended })
    assert.deepEqual(await ledger.listPages(here, run, { after: 2, limit: 1 }), [ended])
  })

  promise(
    'approvals of one state are listed ascending, and move to another list when they are voted on',
    async ledger => {
      const asked = Array.from({ length: 3 }, () => anApproval()).toSorted((a, b) => (a.id < b.id ? -1 : 1))
      for (const approval of asked.toReversed()) await put(ledger, { row: 'approval', expected: 0, put: approval })
      const [first, second, third] = asked
      assert.ok(first && second && third)
      const pending = await ledger.listApprovals(here, 'pending', { limit: 2 })
      assert.deepEqual(pending, [first, second])
      assert.deepEqual(await ledger.listApprovals(here, 'pending', { after: second.id, limit: 2 }), [third])
      const granted = { ...second, state: 'granted' as const, version: 2 }
      await put(ledger, { row: 'approval', expected: 1, put: granted })
      assert.deepEqual(
        await ledger.commit(rawGrant, [{ row: 'approval', expected: 1, put: granted }]),
        lost,
        'used once',
      )
      assert.deepEqual(await ledger.listApprovals(here, 'pending', { limit: 9 }), [first, third])
      assert.deepEqual(await ledger.listApprovals(here, 'granted', { limit: 9 }), [granted])
    },
  )

  promise(
    'of many who use one approval, each with an effect of its own, one has both, and the others neither',
    async ledger => {
      const granted = anApproval({ state: 'granted' })
      await put(ledger, { row: 'approval', expected: 0, put: granted })
      const used = { ...granted, state: 'used' as const, version: 2 }
      const made = Array.from({ length: 5 }, () => anApiKey())
      const ends = await Promise.all(
        made.map(key =>
          ledger.commit(rawGrant, [
            { row: 'key', expected: 0, put: key },
            { row: 'approval', expected: 1, put: used },
          ]),
        ),
      )
      assert.equal(ends.filter(end => end.done).length, 1)
      for (const end of ends) if (!end.done) assert.deepEqual(end, { ...lost, change: 1 })
      const there = await Promise.all(made.map(({ keyId }) => ledger.findApiKey(keyId)))
      assert.deepEqual(
        there.map(key => key !== undefined),
        ends.map(end => end.done),
      )
      assert.deepEqual(await ledger.findApproval(here, granted.id), used)
    },
  )

  promise('the state of the clock moves on one version at a time', async ledger => {
    assert.equal(await ledger.findRetentionState(here), undefined)
    await put(ledger, { row: 'retention', expected: 0, put: aRetentionState() })
    const next = aRetentionState({ trustedMs: 2_000, version: 2 })
    await put(ledger, { row: 'retention', expected: 1, put: next })
    assert.deepEqual(await ledger.commit(rawGrant, [{ row: 'retention', expected: 1, put: next }]), lost)
    await put(ledger, { row: 'retention', expected: 0, put: aRetentionState({ tenant: elsewhere }) })
    assert.deepEqual(await ledger.findRetentionState(here), next)
  })
}

async function put(ledger: Ledger, change: Change): Promise<void> {
  assert.deepEqual(await ledger.commit(rawGrant, [change]), { done: true })
}
