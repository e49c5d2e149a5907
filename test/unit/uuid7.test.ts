import assert from 'node:assert/strict'
import { test } from 'node:test'
import { idPatterns } from '../../src/domain/ids.ts'
import { newUuid7 } from '../../src/guards/uuid7.ts'

test('ids made in one process ascend, while the clock runs, stands still or goes back', () => {
  const nowMs = Date.now()
  const times = [...Array(5_000).fill(nowMs), nowMs - 86_400_000, nowMs + 1, ...Array(5_000).fill(nowMs + 2)]
  const ids = times.map(newUuid7)
  assert.deepEqual(ids, ids.toSorted())
  assert.equal(new Set(ids).size, ids.length)
})

test('an id is a lower-case UUID of version 7 that carries its millisecond', () => {
  const aheadMs = Date.now() + 3_600_000
  const id = newUuid7(aheadMs)
  assert.match(id, idPatterns.uuid)
  assert.equal(id[14], '7')
  assert.equal(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16), aheadMs)
})
