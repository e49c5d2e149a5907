import assert from 'node:assert/strict'
import type { Epoch } from '../../src/domain/epoch.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { type LedgerSuite, promiseOf } from './ledger-promise.ts'
import { elsewhere, here } from './ledger-rows.ts'

const arn = 'arn:aws:kms:eu-west-1:000000000000:key/01900000-0000-4000-8000-000000000001'

function anEpoch(over: Partial<Epoch> = {}): Epoch {
  return { tenant: here, epoch: 'docs/1', state: 'active', activeAtMs: 1_000, version: 1, ...over }
}

/** What every Ledger promises of epochs. */
export function ledgerEpochsContract(...suite: LedgerSuite): void {
  const promise = promiseOf(...suite)

  promise('epochs of a tenant are found by name and listed by name, those of others are not', async ledger => {
    const [first, second, exact] = [anEpoch({ state: 'former' }), anEpoch({ epoch: 'docs/2' }), anEpoch({ epoch: arn })]
    const foreign = anEpoch({ tenant: elsewhere, epoch: 'docs/3' })
    for (const put of [second, exact, first, foreign]) {
      assert.deepEqual(await ledger.commit(rawGrant, [{ row: 'epoch', expected: 0, put }]), { done: true })
    }
    assert.deepEqual(await ledger.listEpochs(here), [exact, first, second])
    assert.deepEqual(await ledger.findEpoch(here, arn), exact)
    assert.deepEqual(await ledger.findEpoch(elsewhere, 'docs/3'), foreign)
    assert.equal(await ledger.findEpoch(here, 'docs/3'), undefined)
  })

  promise('an epoch moves on one version at a time, together with another or not at all', async ledger => {
    const first = anEpoch()
    await ledger.commit(rawGrant, [{ row: 'epoch', expected: 0, put: first }])
    const former = anEpoch({ state: 'former', formerAtMs: 2_000, version: 2 })
    const next = anEpoch({ epoch: 'docs/2' })
    const flip = [
      { row: 'epoch', expected: 1, put: former },
      { row: 'epoch', expected: 0, put: next },
    ] as const
    assert.deepEqual(await ledger.commit(rawGrant, flip), { done: true })
    assert.deepEqual(await ledger.commit(rawGrant, flip), { done: false, change: 0, conflict: 'version' })
    const again = await ledger.commit(rawGrant, [{ row: 'epoch', expected: 0, put: next }])
    assert.deepEqual(again, { done: false, change: 0, conflict: 'version' })
    assert.deepEqual(await ledger.listEpochs(here), [former, next])
  })
}
