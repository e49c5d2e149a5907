import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Caller } from '../../src/domain/caller.ts'
import { parsePersonId, parseTenantId } from '../../src/domain/ids.ts'
import { limits } from '../../src/domain/media.ts'
import { Denials } from '../../src/guards/denials.ts'

const minuteMs = 60_000
const noonMs = Date.UTC(2026, 0, 1, 12)
const limit = limits.denialsPerCallerAndMinute

function caller(person: string, tenant = 'omo7777'): Caller {
  const id = parsePersonId(person)
  assert.ok(id)
  const credential = `${person}-key`
  return {
    kind: 'person',
    id,
    tenant: parseTenantId(tenant),
    roles: ['support'],
    auth: 'key',
    credential,
    requestId: 'r',
  }
}

function refuse(denials: Denials, by: Caller, times: number, nowMs: number): void {
  for (let n = 0; n < times; n++) denials.countRefusal(by, nowMs)
}

test('a caller is turned away after the last refusal of a minute that has an entry of its own', () => {
  const denials = new Denials()
  refuse(denials, caller('p'), limit - 1, noonMs)
  assert.equal(denials.turnAway(caller('p'), noonMs), false)
  refuse(denials, caller('p'), 1, noonMs)
  assert.equal(denials.turnAway(caller('p'), noonMs), true)
})

test('the count is of a person of a tenant: a second key of theirs shares it, nobody else does', () => {
  const denials = new Denials()
  refuse(denials, caller('p'), limit, noonMs)
  assert.equal(denials.turnAway({ ...caller('p'), credential: 'another-key' }, noonMs), true)
  assert.equal(denials.turnAway(caller('q'), noonMs), false)
  assert.equal(denials.turnAway(caller('p', 'jnetot'), noonMs), false)
})

test('with the next minute a caller is heard again, and what was turned away becomes one entry', () => {
  const denials = new Denials()
  refuse(denials, caller('p'), limit, noonMs)
  for (let n = 0; n < 5; n++) denials.turnAway(caller('p'), noonMs)
  assert.deepEqual(denials.takeDue(noonMs), [])
  assert.equal(denials.turnAway(caller('p'), noonMs + minuteMs), false)
  const due = denials.takeDue(noonMs + minuteMs)
  assert.deepEqual(
    due.map(({ act, out, why, detail }) => ({ act, out, why, n: detail?.n })),
    [{ act: 'refusals.counted', out: 'note', why: 'budget.denials', n: 5 }],
  )
  assert.equal(due[0]?.caller?.id, 'p')
  assert.deepEqual(denials.takeDue(noonMs + 2 * minuteMs), [])
})

test('refusals that all have entries of their own leave nothing to count', () => {
  const denials = new Denials()
  refuse(denials, caller('p'), limit - 1, noonMs)
  denials.turnAway(caller('p'), noonMs)
  assert.deepEqual(denials.takeDue(noonMs + minuteMs), [])
})

test('requests without a credential become one entry a minute, without a caller', () => {
  const denials = new Denials()
  for (let n = 0; n < 3; n++) denials.countAnonymous(noonMs)
  denials.countAnonymous(noonMs + minuteMs)
  const first = denials.takeDue(noonMs + minuteMs)
  assert.deepEqual(
    first.map(({ caller: by, detail }) => [by, detail?.n]),
    [[undefined, 3]],
  )
  const rest = denials.takeDue(noonMs + minuteMs, true)
  assert.deepEqual(
    rest.map(({ detail }) => detail?.n),
    [1],
  )
})

test('at the end every open minute is given, and what could not be written is due again', () => {
  const denials = new Denials()
  refuse(denials, caller('p'), limit, noonMs)
  denials.turnAway(caller('p'), noonMs)
  const due = denials.takeDue(noonMs, true)
  assert.equal(due.length, 1)
  denials.giveBack(due)
  assert.deepEqual(denials.takeDue(noonMs), due)
})
