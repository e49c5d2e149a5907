import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SqliteBudgets } from '../../src/adapters/sqlite-budgets.ts'
import { freshSqlite } from '../support/fresh-sqlite.ts'
import { budgetsContract } from './budgets.contract.ts'

budgetsContract('sqlite', async t => new SqliteBudgets((await freshSqlite(t)).thread))

test('windows over a month older than the one that is spent from are forgotten, so the file stays small', async t => {
  const { thread } = await freshSqlite(t)
  const budgets = new SqliteBudgets(thread)
  const day = 24 * 3_600_000
  await budgets.spend('first', 0, 1, 9)
  for (let i = 0; i < 500; i++) await budgets.spend(`gone-${i}`, i, 1, 9)
  const fresh = new SqliteBudgets(thread)
  await fresh.spend('new', 40 * day, 1, 9)
  const rows = await thread.read('budgets', 'SELECT key FROM spend', [])
  assert.deepEqual(
    rows.map(row => row.key),
    ['new'],
  )
})
