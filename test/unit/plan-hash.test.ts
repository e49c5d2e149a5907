import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { canonicalJson } from '../../src/domain/canonical.ts'
import type { DocumentId, SubjectId } from '../../src/domain/ids.ts'
import type { PurgeItem } from '../../src/domain/purge-run.ts'
import { planHashOf } from '../../src/guards/plan-hash.ts'

const itemAt = (n: number): PurgeItem => ({
  document: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}` as DocumentId,
  subject: '00000000-0000-4000-8000-000000000000' as SubjectId,
  subjectVersion: 3,
  documentVersion: 2,
  ground: 'term',
  basis: 'identity-records',
  dueOn: '2033-01-16',
  policyVersion: 1,
})

test('the hash of a long plan is that of its lines, outcomes left out, and others have their turn meanwhile', async () => {
  const items = Array.from({ length: 60_000 }, (_, n) => itemAt(n))
  const ticks = [performance.now()]
  const counting = setInterval(() => ticks.push(performance.now()), 0)
  const hash = await planHashOf(items.map(item => ({ ...item, outcome: 'destroyed' })))
  clearInterval(counting)
  ticks.push(performance.now())
  const gaps = ticks.slice(1).map((at, index) => at - (ticks[index] ?? at))
  const whole = gaps.reduce((sum, gap) => sum + gap)
  assert.ok(Math.max(...gaps) < whole / 2, `of ${whole} ms others waited ${Math.max(...gaps)} ms at a stretch`)
  const lines = items.map(item => `${canonicalJson(item)}\n`).join('')
  assert.equal(hash, createHash('sha256').update(lines).digest('hex'))
})
