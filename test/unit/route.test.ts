import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Door } from '../../src/http/door.ts'
import { type Asked, guarded } from '../../src/http/route.ts'

const described = {
  method: 'get',
  path: '/v1/things',
  id: 'listThings',
  action: 'caller.read',
  summary: 'A route of the test',
  answers: {},
  refusals: [],
} as const
// No handler of these tests looks at either.
const door = {} as Door
const asked = {} as Asked<never, never, never>

test('a route loads its verb once, when it is asked or told to, and hands it to its handler', async () => {
  let loads = 0
  const route = guarded({
    ...described,
    verb: async () => {
      loads += 1
      return (text: string) => `${text} answered`
    },
    handle: async (_door, _asked, verb) => ({ kind: 'json', body: { said: verb('it') } }),
  })
  assert.equal(loads, 0)
  const replies = await Promise.all([route.handle(door, asked), route.handle(door, asked), route.load()])
  assert.deepEqual(replies.slice(0, 2), Array(2).fill({ kind: 'json', body: { said: 'it answered' } }))
  assert.equal(loads, 1)
})

test('a handler whose verb cannot be loaded is never called, and the request fails with what was wrong', async () => {
  let calls = 0
  const route = guarded({
    ...described,
    verb: (): Promise<() => void> => Promise.reject(new SyntaxError('half a file')),
    handle: async () => {
      calls += 1
      return { kind: 'json', body: {} }
    },
  })
  await assert.rejects(route.handle(door, asked), SyntaxError)
  await assert.rejects(route.load(), SyntaxError)
  assert.equal(calls, 0)
})
