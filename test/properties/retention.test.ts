import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { RetentionPolicy } from '../../src/domain/policy.ts'
import {
  answersOverdueBeforeMs,
  deletionAnswerDueMs,
  earliestLookMs,
  judge,
  retentionOf,
} from '../../src/domain/retention.ts'
import { answerBeganMs, closedSince, deletionAskedSince, type Subject } from '../../src/domain/subject.ts'
import { aLife, aPaper } from '../support/a-subject.ts'
import { aRule, aTenant, someClocks } from '../support/a-tenant.ts'
import { anniversaryOf, dateAt, daysAfter, endOf } from '../support/plain-calendar.ts'

const dayMs = 86_400_000

/** Zones whose clocks did something odd about midnight, and some that did nothing. */
const zones = [
  'Asia/Jakarta',
  'UTC',
  'America/Sao_Paulo',
  'Africa/Cairo',
  'Pacific/Apia',
  'Pacific/Kiritimati',
  'America/St_Johns',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'Asia/Beirut',
  'Asia/Tehran',
  'America/Havana',
  'America/Scoresbysund',
  'Antarctica/Troll',
  'Europe/London',
]
const zone = fc.constantFrom(...zones)
const instant = fc.integer({ min: Date.UTC(1985, 0, 1), max: Date.UTC(2035, 0, 1) })

const rule = fc
  .record({ floorYears: fc.integer({ min: 0, max: 6 }), more: fc.integer({ min: 0, max: 4 }) })
  .map(({ floorYears, more }) =>
    aRule({ floorYears, years: Math.max(1, floorYears + more), onDeletion: floorYears === 0 ? 'shred' : 'floor' }),
  )
const policy = fc
  .record({ zone, rule, shredAfterDays: fc.integer({ min: 1, max: 29 }) })
  .map(({ zone: of, rule: id, shredAfterDays }) =>
    someClocks({ zone: of, rules: new Map([['id', id]]), deletion: { answerDays: 30, shredAfterDays } }),
  )
const policies = fc
  .array(policy, { minLength: 1, maxLength: 4 })
  .map(list => list.map((one, at): RetentionPolicy => ({ ...one, version: at + 1 })))

const isoOf = (atMs: number): string => new Date(atMs).toISOString()

/** A person whose account was closed, who may have asked to be deleted before or after it. */
const life = fc
  .record({ closedMs: instant, askedDays: fc.option(fc.double({ min: -400, max: 4_000, noNaN: true })) })
  .map(({ closedMs, askedDays }) => {
    const asked = askedDays === null ? [] : [`deletion.requested ${isoOf(Math.round(closedMs + askedDays * dayMs))}`]
    return aLife(`closed ${isoOf(closedMs)}`, ...asked)
  })

/** When it is due, by counting: the shortest promise, and at least today's law. */
function dueByCounting(clocks: readonly RetentionPolicy[], subject: Subject): number {
  const closedMs = closedSince(subject) ?? assert.fail()
  const askedMs = deletionAskedSince(subject)
  const afterYears = (of: string, years: number): number => endOf(anniversaryOf(dateAt(closedMs, of), years), of)
  const promises = clocks.map(({ zone: of, rules, deletion }) => {
    const { years, floorYears, onDeletion } = rules.get('id') ?? assert.fail()
    const term = afterYears(of, years)
    if (askedMs === undefined) return term
    const askedOn = dateAt(Math.max(askedMs, closedMs), of)
    const shred = endOf(daysAfter(askedOn, deletion.shredAfterDays - 1), of)
    return Math.min(term, onDeletion === 'shred' ? shred : Math.max(shred, afterYears(of, floorYears)))
  })
  const today = clocks.at(-1) ?? assert.fail()
  const floorYears = today.rules.get('id')?.floorYears ?? 0
  const law = floorYears === 0 ? Number.NEGATIVE_INFINITY : afterYears(today.zone, floorYears)
  return Math.max(law, Math.min(...promises))
}

test('a paper is due when counting days on the clocks of its zones says so, and never a moment earlier', () => {
  fc.assert(
    fc.property(policies, fc.nat(), life, (all, pick, subject) => {
      const from = (pick % all.length) + 1
      const tenant = aTenant('acme', {}, all)
      const retention = retentionOf(tenant, subject, aPaper('id', from)) ?? assert.fail()
      const expected = dueByCounting(all.slice(from - 1), subject)
      const dueMs = retention.dueAtMs ?? assert.fail()
      assert.equal(isoOf(dueMs), isoOf(expected))
      assert.equal(judge(retention, dueMs - 1), 'early')
      assert.equal(judge(retention, dueMs), 'due')
      assert.equal(Number(retention.dueOn?.replaceAll('-', '')), dateAt(dueMs, retention.zone))
    }),
    { numRuns: 3_000 },
  )
})

test('no paper is due before the law of today has had its whole years', () => {
  fc.assert(
    fc.property(policies, life, (all, subject) => {
      const closedMs = closedSince(subject) ?? assert.fail()
      const { zone: of, rules } = all.at(-1) ?? assert.fail()
      const years = rules.get('id')?.floorYears ?? 0
      for (const { version } of all) {
        const dueMs = retentionOf(aTenant('acme', {}, all), subject, aPaper('id', version))?.dueAtMs ?? assert.fail()
        assert.ok(dueMs > closedMs, 'due before the relationship ended')
        if (years > 0) {
          // A zone that skipped a day, or put its clocks forward since, had a year that was shorter by so much.
          assert.ok(dueMs > closedMs + years * 365 * dayMs - 25 * 3_600_000)
          assert.ok(dateAt(dueMs, of) > anniversaryOf(dateAt(closedMs, of), years))
        }
      }
    }),
    { numRuns: 3_000 },
  )
})

test('the look at a person comes no later than the first of their papers, of whatever version and type, is due', () => {
  fc.assert(
    fc.property(policies, life, (all, subject) => {
      const tenant = aTenant('acme', {}, all)
      const lookMs = earliestLookMs(tenant, subject) ?? assert.fail()
      const due = all.map(
        ({ version }) => retentionOf(tenant, subject, aPaper('id', version))?.dueAtMs ?? assert.fail(),
      )
      assert.equal(lookMs, Math.min(...due))
    }),
    { numRuns: 1_000 },
  )
})

test('a closure on each day of four years, leap day included, is due the day after its anniversary', () => {
  for (const place of ['Asia/Jakarta', 'America/Sao_Paulo']) {
    const tenant = aTenant('acme', {}, [someClocks({ zone: place })])
    for (let closedMs = Date.UTC(2023, 0, 1, 20); closedMs < Date.UTC(2027, 0, 1); closedMs += dayMs) {
      const dueMs = retentionOf(tenant, aLife(`closed ${isoOf(closedMs)}`), aPaper())?.dueAtMs ?? assert.fail()
      assert.equal(isoOf(dueMs), isoOf(endOf(anniversaryOf(dateAt(closedMs, place), 7), place)))
    }
  }
})

test('an answer is overdue exactly where its time began before the bound that all persons of a platform are counted by', () => {
  fc.assert(
    fc.property(policies, life, fc.integer({ min: -3, max: 40 }), (all, subject, days) => {
      const tenant = aTenant('acme', {}, all)
      const beganMs = answerBeganMs(subject)
      if (beganMs === undefined) return
      const dueMs = deletionAnswerDueMs(tenant, subject) ?? assert.fail()
      for (const nowMs of [dueMs - 1, dueMs, beganMs + days * dayMs]) {
        const isOver: boolean = beganMs < (answersOverdueBeforeMs(tenant, nowMs) ?? assert.fail())
        assert.equal(isOver, dueMs <= nowMs)
      }
    }),
    { numRuns: 3_000 },
  )
})
