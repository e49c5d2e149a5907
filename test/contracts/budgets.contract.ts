import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import type { Budgets } from '../../src/ports/budgets.ts'

const hour = 3_600_000

/** What every Budgets promises; `open` gives an empty store. */
export function budgetsContract(
  backing: string,
  open: (t: TestContext) => Promise<Budgets>,
  skip: string | false = false,
): void {
  const promise = (title: string, run: (budgets: Budgets) => Promise<void>) =>
    test(`${backing}: ${title}`, { skip }, async t => run(await open(t)))

  promise('what is spent adds up to the ceiling and not beyond it', async budgets => {
    assert.deepEqual(await budgets.spend('a', 0, 3, 5), { granted: true, spent: 3 })
    assert.deepEqual(await budgets.spend('a', 0, 3, 5), { granted: false, spent: 3 })
    assert.deepEqual(await budgets.spend('a', 0, 2, 5), { granted: true, spent: 5 })
    assert.deepEqual(await budgets.spend('a', 0, 1, 5), { granted: false, spent: 5 })
  })

  promise('a first amount above the ceiling is refused and counts nothing', async budgets => {
    assert.deepEqual(await budgets.spend('a', 0, 6, 5), { granted: false, spent: 0 })
    assert.deepEqual(await budgets.spend('a', 0, 5, 5), { granted: true, spent: 5 })
  })

  promise('keys do not share a budget', async budgets => {
    await budgets.spend('a', 0, 5, 5)
    assert.deepEqual(await budgets.spend('b', 0, 5, 5), { granted: true, spent: 5 })
  })

  promise('a new window begins at nothing', async budgets => {
    await budgets.spend('a', 0, 5, 5)
    assert.deepEqual(await budgets.spend('a', hour, 4, 5), { granted: true, spent: 4 })
    assert.deepEqual(await budgets.spend('a', hour, 2, 5), { granted: false, spent: 4 })
  })

  promise('the newest window of a key outlives a thousand windows of others', async budgets => {
    await budgets.spend('a', hour, 5, 5)
    await inSlices(2_100, i => budgets.spend(`k${i}`, hour * (i % 24), 1, 5))
    assert.deepEqual(await budgets.spend('a', hour, 1, 5), { granted: false, spent: 5 })
  })

  promise('a clock that was once far ahead forgets no count of the present', async budgets => {
    const presentMs = 1_790_000_000_000
    await budgets.spend('a', presentMs, 5, 5)
    await budgets.spend('b', presentMs + 10 * 365 * 24 * hour, 1, 5)
    await inSlices(1_100, () => budgets.spend('c', presentMs, 1, 5_000))
    assert.deepEqual(await budgets.spend('a', presentMs, 1, 5), { granted: false, spent: 5 })
  })

  promise('racers together never get more than the ceiling', async budgets => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 60 }),
        fc.uuid(),
        async (amounts, ceiling, key) => {
          const answers = await Promise.all(amounts.map(amount => budgets.spend(key, hour, amount, ceiling)))
          const granted = amounts.filter((_, i) => answers[i]?.granted).reduce((sum, amount) => sum + amount, 0)
          assert.ok(granted <= ceiling)
          assert.equal((await budgets.spend(key, hour, ceiling + 1, ceiling)).spent, granted)
          const smallestRefused = Math.min(...amounts.filter((_, i) => !answers[i]?.granted))
          assert.ok(granted + smallestRefused > ceiling, 'nothing is refused that would still have fitted at the end')
        },
      ),
      { numRuns: 50, verbose: true },
    )
  })
}

/** A few at once: a store of several machines answers a thousand at once too late. */
async function inSlices(count: number, spend: (i: number) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < count; at += 50) {
    await Promise.all(Array.from({ length: Math.min(50, count - at) }, (_, i) => spend(at + i)))
  }
}
