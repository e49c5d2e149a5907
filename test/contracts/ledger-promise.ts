import { type TestContext, test } from 'node:test'
import type { Ledger } from '../../src/ports/ledger.ts'

/** How a suite gets an empty ledger of one backing, and why it may not. */
export type LedgerSuite = readonly [backing: string, open: (t: TestContext) => Promise<Ledger>, skip?: string | false]

/** One promise of every Ledger, as a test of this backing on a ledger of its own. */
export function promiseOf(...[backing, open, skip = false]: LedgerSuite) {
  return (title: string, run: (ledger: Ledger) => Promise<void>): void => {
    test(`${backing}: ${title}`, { skip }, async t => run(await open(t)))
  }
}
