import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TenantId } from '../../src/domain/ids.ts'
import { countedAtLeisure } from '../../src/retention/counted-at-leisure.ts'

test('many tombstones are counted seldom, few at once, and each platform by itself', async () => {
  const there = new Map([
    ['many', 1_000_000],
    ['few', 10],
  ])
  let [nowMs, counted] = [0, 0]
  const count = countedAtLeisure(
    async tenant => {
      counted++
      return there.get(tenant) ?? 0
    },
    () => nowMs,
  )
  const [many, few] = ['many' as TenantId, 'few' as TenantId]
  assert.deepEqual([await count(many, 0), await count(few, 0), counted], [1_000_000, 10, 2])
  there.set('many', 5).set('few', 12)
  nowMs = 999_999
  assert.deepEqual([await count(many, 0), await count(few, 0), counted], [1_000_000, 12, 3])
  nowMs = 1_000_000
  assert.deepEqual([await count(many, 0), counted], [5, 4])
})
