import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { RunTold } from '../support/job-child.ts'
import { freshMongo, mongoNeeds } from '../support/mongo-database.ts'

const program = fileURLToPath(new URL('../support/job-child.ts', import.meta.url))
const [everyMs, leaseMs] = [300, 1_000]

test('of two processes one does the work of each period, and the other goes on where one is killed in it', {
  skip: mongoNeeds.skip,
}, async t => {
  const mongo = await freshMongo(t)
  const told: (RunTold & { readonly by: number })[] = []
  const children = [0, 1].map(by => child(t, mongo.connection.name, by, run => told.push({ ...run, by })))
  const [one, two] = children
  assert.ok(one && two)
  while (told.length < 8) await Promise.race(children.map(each => once(each, 'message')))
  one.send('hang')
  // The other may have the next turns: the one that was told comes to its own when the work is left to it.
  two.kill('SIGSTOP')
  while (!told.some(({ hangs }) => hangs)) await once(one, 'message')
  two.kill('SIGCONT')
  one.kill('SIGKILL')
  await once(one, 'exit')
  const before = told.length
  while (told.length < before + 3) await once(two, 'message')
  const ordered = told.toSorted((a, b) => a.askedMs - b.askedMs)
  for (const [at, { askedMs }] of ordered.entries()) {
    const earlier = ordered[at - 1]
    if (!earlier) continue
    const leastMs = earlier.hangs ? leaseMs : everyMs
    assert.ok(askedMs - earlier.askedMs >= leastMs, `${askedMs - earlier.askedMs} ms after the one before`)
  }
  assert.ok(told.slice(before).every(({ by }) => by === 1))
})

function child(t: TestContext, database: string, by: number, onRun: (run: RunTold) => void): ChildProcess {
  const args = [mongoNeeds.value, database, `instance-${by}`, String(everyMs), String(leaseMs)]
  const process = fork(program, args)
  process.on('message', run => onRun(run as RunTold))
  t.after(() => process.kill('SIGKILL'))
  return process
}
