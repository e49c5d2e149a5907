import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { loadTenants } from '../../src/adapters/file-tenants.ts'
import { retentionOf, waitsForPerson } from '../../src/domain/retention.ts'
import { applyEvent, type Subject } from '../../src/domain/subject.ts'
import { aPaper, someone } from '../support/a-subject.ts'
import { aTenant, someClocks } from '../support/a-tenant.ts'
import { clausesFor, historyTenants, withFact } from '../support/history-memory.ts'
import { dueAt, type Facts, sureAt } from '../support/reckoning.ts'

const dayMs = 86_400_000
const openedAtMs = Date.UTC(2020, 0, 1)
const acme = aTenant('acme', {}, [someClocks({ deletion: { answerDays: 14, shredAfterDays: 7 } })])
const tenants = await loadTenants(fileURLToPath(new URL('../../infra/tenants', import.meta.url)))
const papers = [aPaper('id'), aPaper('selfie')] as const

/** An event and when the vault heard of it: at once, or up to years later. */
interface Delivery {
  readonly event: { readonly type: 'closed' | 'reopened' | 'deletion.requested'; readonly atMs: number }
  readonly toldAtMs: number
}

const delivery: fc.Arbitrary<Delivery> = fc
  .record({
    type: fc.constantFrom('closed' as const, 'reopened' as const, 'deletion.requested' as const),
    day: fc.integer({ min: 0, max: 12 }),
    lateDays: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 10, max: 4_000 })),
  })
  .map(({ type, day, lateDays }) => {
    const atMs = openedAtMs + day * dayMs
    return { event: { type, atMs }, toldAtMs: atMs + lateDays * dayMs }
  })
const deliveries = fc.array(delivery, { minLength: 1, maxLength: 12 })

const heard = (list: readonly Delivery[], from = someone()): Subject =>
  list.reduce((subject, { event, toldAtMs }) => applyEvent(subject, event, toldAtMs), from)

const shuffled = deliveries.chain(list =>
  fc.tuple(fc.constant(list), fc.shuffledSubarray([...list, ...list], { minLength: list.length * 2 })),
)

test('what was told late is the same whatever the order of arrival, and of a fact that is told again the first telling counts', () => {
  fc.assert(
    fc.property(shuffled, ([list, other]) => {
      const [one, two] = [heard(list), heard(other)]
      assert.deepEqual({ ...two, version: 0 }, { ...one, version: 0 })
      for (const paper of papers) assert.deepEqual(retentionOf(acme, two, paper), retentionOf(acme, one, paper))
      for (const { of, atMs, toldAtMs } of one.tellings ?? []) {
        const times = list.filter(({ event }) => event.type === of && event.atMs === atMs).map(told => told.toldAtMs)
        assert.equal(toldAtMs, Math.min(...times))
      }
    }),
    { numRuns: 3_000 },
  )
})

test('a paper waits exactly while it would not be due had each late fact happened shortly before it was told', () => {
  fc.assert(
    fc.property(
      deliveries,
      fc.constantFrom(...historyTenants),
      fc.integer({ min: 0, max: 6_000 }),
      (list, of, days) => {
        const tenant = tenants.get(of) ?? assert.fail()
        const subject = heard(list)
        const nowMs = openedAtMs + days * dayMs
        const facts = list.reduce<Facts>(
          (known, { event: { type, atMs }, toldAtMs }) => withFact(known, type, atMs, [toldAtMs]),
          {},
        )
        for (const type of tenant.policies.get(1)?.rules.keys() ?? []) {
          const retention = retentionOf(tenant, subject, aPaper(type)) ?? assert.fail()
          const clauses = clausesFor(of)
          assert.equal(retention.dueAtMs, dueAt(clauses, type, facts))
          const sureMs = sureAt(clauses, type, facts, 'firstMs')
          assert.equal(retention.sureAtMs ?? retention.dueAtMs, sureMs)
          assert.equal(waitsForPerson(retention, nowMs), sureMs !== retention.dueAtMs && nowMs < (sureMs ?? 0))
        }
      },
    ),
    { numRuns: 3_000 },
  )
})

test('whatever is told of a person, nothing goes by itself sooner than half the days of a shredding after it was told', () => {
  fc.assert(
    fc.property(deliveries, list => {
      const told = Math.max(...list.map(({ toldAtMs }) => toldAtMs))
      // All of it told at one moment, as who stole a key tells it.
      const subject = heard(list.map(({ event }) => ({ event, toldAtMs: told })))
      for (const paper of papers) {
        const { dueAtMs, sureAtMs = dueAtMs } = retentionOf(acme, subject, paper) ?? assert.fail()
        assert.ok(sureAtMs === undefined || sureAtMs > told + 2.5 * dayMs)
      }
    }),
  )
})

test('the facts of an older vault, which kept no telling, are never late, also where they are told again', () => {
  fc.assert(
    fc.property(deliveries, list => {
      const { tellings: _, ...older } = heard(list)
      const again = heard(
        list.map(({ event, toldAtMs }) => ({ event, toldAtMs: toldAtMs + 5_000 * dayMs })),
        older,
      )
      assert.equal(again.tellings, undefined)
      for (const paper of papers) assert.equal(retentionOf(acme, again, paper)?.sureAtMs, undefined)
    }),
  )
})
