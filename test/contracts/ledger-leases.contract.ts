import assert from 'node:assert/strict'
import { type LedgerSuite, promiseOf } from './ledger-promise.ts'

/** Leases and their fencing numbers: a part of what every Ledger promises. */
export function ledgerLeasesContract(...suite: LedgerSuite): void {
  const promise = promiseOf(...suite)

  promise('a lease is held by one until it ends, and its number grows with each change of holder', async ledger => {
    assert.equal(await ledger.takeLease('sweep', 'a', 0, 10), 1)
    assert.equal(await ledger.takeLease('sweep', 'b', 9, 10), undefined)
    assert.equal(await ledger.takeLease('sweep', 'a', 9, 10), 1, 'renewed until 19')
    assert.equal(await ledger.takeLease('sweep', 'b', 18, 10), undefined)
    assert.equal(await ledger.takeLease('sweep', 'b', 19, 10), 2)
    assert.equal(await ledger.takeLease('other', 'a', 19, 10), 1, 'leases have numbers of their own')
  })

  promise('a lease that was taken by a clock that ran ahead ends nobody else’s work', async ledger => {
    const dayMs = 86_400_000
    await ledger.takeLease('sweep', 'a', 3 * dayMs + 1, 10)
    assert.equal(await ledger.takeLease('sweep', 'b', 2 * dayMs + 1, 10), undefined, 'clocks differ a little')
    assert.equal(await ledger.takeLease('sweep', 'b', dayMs, 10), 2)
  })

  promise('a lease is dropped by its holder alone, and the number goes on', async ledger => {
    await ledger.takeLease('sweep', 'a', 0, 10)
    await ledger.dropLease('sweep', 'b')
    assert.equal(await ledger.takeLease('sweep', 'b', 1, 10), undefined)
    await ledger.dropLease('sweep', 'a')
    await ledger.dropLease('sweep', 'a')
    assert.equal(await ledger.takeLease('sweep', 'b', 1, 10), 2)
  })

  promise('a lease that rests is nobody’s for that period, but whoever works without one may have it', async ledger => {
    assert.equal(await ledger.takeLease('sweep', 'a', 100, 50, 60), 1)
    await ledger.dropLease('sweep', 'a', 160)
    assert.equal(await ledger.takeLease('sweep', 'b', 159, 50, 60), undefined)
    assert.equal(await ledger.takeLease('sweep', 'a', 159, 50, 60), undefined, 'who rested it waits too')
    assert.equal(await ledger.takeLease('sweep', 'b', 160, 50, 60), 2)
    await ledger.dropLease('sweep', 'a', 999)
    assert.equal(await ledger.takeLease('sweep', 'c', 209, 50, 60), undefined, 'only the holder lets it rest')
    await ledger.dropLease('sweep', 'b', 220)
    assert.equal(await ledger.takeLease('sweep', 'c', 170, 50), 3)
  })

  promise('a holder that died in its work is followed when the lease ends, a failure at once', async ledger => {
    assert.equal(await ledger.takeLease('sweep', 'dead', 100, 50, 60), 1)
    assert.equal(await ledger.takeLease('sweep', 'b', 149, 50, 60), undefined)
    assert.equal(await ledger.takeLease('sweep', 'b', 150, 50, 60), 2)
    await ledger.dropLease('sweep', 'b')
    assert.equal(await ledger.takeLease('sweep', 'c', 151, 50, 60), 3)
  })

  promise(
    'a clock that was ahead, or is set back, keeps nobody from work for longer than a period and a half',
    async ledger => {
      await ledger.takeLease('sweep', 'a', 100_000, 50, 60)
      await ledger.dropLease('sweep', 'a', 100_060)
      assert.equal(await ledger.takeLease('sweep', 'b', 99_970, 50, 60), undefined, 'clocks differ a little')
      assert.equal(await ledger.takeLease('sweep', 'b', 99_969, 50, 60), 2)
    },
  )

  promise('of racers for a lease exactly one gets it', async ledger => {
    const holders = Array.from({ length: 16 }, (_, i) => `h${i}`)
    const numbers = await Promise.all(holders.map(holder => ledger.takeLease('sweep', holder, 0, 10)))
    assert.deepEqual(
      numbers.filter(number => number !== undefined),
      [1],
    )
  })
}
