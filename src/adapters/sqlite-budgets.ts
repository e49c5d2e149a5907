import type { Budgets } from '../ports/budgets.ts'
import type { SqliteThread, Step } from './sqlite-thread.ts'

const forgetOlder = 'DELETE FROM spend WHERE key = ? AND window_ms < ?'
const add = `INSERT INTO spend (key, window_ms, spent) SELECT ?1, ?2, ?3 WHERE ?3 <= ?4
  ON CONFLICT (key, window_ms) DO UPDATE SET spent = spent + excluded.spent WHERE spent + excluded.spent <= ?4`
const look = 'SELECT spent FROM spend WHERE key = ? AND window_ms = ?'
const forgetStale = 'DELETE FROM spend WHERE window_ms < ?'

const staleAfterMs = 31 * 24 * 3_600_000
const spendsBetweenPurges = 1_024

/** Counters in `budgets.sqlite`: one row for each key and window, older windows forgotten as newer ones are spent from. */
export class SqliteBudgets implements Budgets {
  readonly #thread: SqliteThread
  #spends = 0

  constructor(thread: SqliteThread) {
    this.#thread = thread
  }

  async spend(
    key: string,
    windowStartMs: number,
    amount: number,
    ceiling: number,
  ): Promise<{ readonly granted: boolean; readonly spent: number }> {
    const steps: Step[] = [
      { sql: add, params: [key, windowStartMs, amount, ceiling] },
      { sql: look, params: [key, windowStartMs] },
      { sql: forgetOlder, params: [key, windowStartMs] },
    ]
    // Measured from the window that is spent from, so that a clock that was once far ahead forgets nothing later.
    if (this.#spends++ % spendsBetweenPurges === 0) {
      steps.push({ sql: forgetStale, params: [windowStartMs - staleAfterMs] })
    }
    const written = await this.#thread.write('budgets', steps)
    if (!written.done) throw new RangeError('a budget names no row that could conflict')
    return { granted: written.changes[0] === 1, spent: Number(written.rows[0]?.spent ?? 0) }
  }
}
