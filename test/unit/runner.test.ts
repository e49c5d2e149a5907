import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { SqliteLedger } from '../../src/adapters/sqlite-ledger.ts'
import { type Job, type Runner, runOnce, startJobs } from '../../src/jobs/runner.ts'
import { freshSqlite } from '../support/fresh-sqlite.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { KeptLog } from '../support/trail-writing.ts'

const everyMs = 60_000
type Instance = Parameters<typeof startJobs>[0]
type Scene = Pick<Instance, 'clock' | 'log' | 'instance'> & {
  readonly ledger: Pick<Instance['ledger'], 'takeLease' | 'dropLease'>
}

test('of three instances one does the work of each period, whichever comes first', async t => {
  const site = await openSite(t)
  const startedMs = site.clock.nowMs()
  const runners = site.instances.map(instance => startJobs(instance, [site.job()]))
  await site.pass(20 * everyMs)
  await stopAll(runners, site)
  requireOncePerPeriod(site.ran)
  const last = site.ran.at(-1)
  assert.ok(last && last.atMs - startedMs > 18 * everyMs, 'and it is not left undone')
  // Each turn waits for a quarter of a period at most beyond the rest, and a tenth of either.
  assert.ok(site.ran.length >= 20 / 1.4, `${site.ran.length} runs in 20 periods`)
})

test('when the instance that did the work is gone, another does it soon after the next period began', async t => {
  const site = await openSite(t)
  const [first, second] = site.instances.map(instance => startJobs(instance, [site.job()]))
  assert.ok(first && second)
  await site.pass(1_500)
  await stopAll([site.ran[0]?.by === 'i-0' ? first : second], site)
  const [gone] = site.ran
  await site.pass(1.5 * everyMs)
  await stopAll([first, second], site)
  assert.equal(site.ran.length, 2)
  assert.notEqual(site.ran[1]?.by, gone?.by)
  requireOncePerPeriod(site.ran)
})

test('work that failed, and work that was told to end, is open to the next that comes; what is done is not', async t => {
  const site = await openSite(t)
  const [one, two] = site.instances
  assert.ok(one && two)
  const stopping = new AbortController()
  const fails = { ...site.job(), run: () => Promise.reject(new Error('planted')) }
  const ends = {
    ...site.job(),
    async run() {
      stopping.abort()
      return 0
    },
  }
  const first = async (instance: Scene, job: Job<Scene>): Promise<void> => {
    const runner = startJobs(instance, [{ ...job, firstAfterMs: 1 }])
    await site.pass(100)
    await stopAll([runner], site)
  }
  assert.equal(await runOnce(one, ends, stopping.signal), 0)
  await first(one, fails)
  await first(two, site.job())
  await first(one, site.job())
  assert.deepEqual(
    site.ran.map(({ by }) => by),
    ['i-1'],
  )
  assert.deepEqual((one.log as KeptLog).errors, ['job failed'])
  assert.equal(await runOnce(one, site.job(), new AbortController().signal), 1, 'who asks for it now gets it')
})

test('a clock that is set back by years keeps no job from its work', async t => {
  const site = await openSite(t)
  const [one] = site.instances
  assert.ok(one)
  const leaped = new ManualClock(site.clock.nowMs() + 10 * 365 * 86_400_000)
  assert.equal(await runOnce({ ...one, clock: leaped }, site.job(), new AbortController().signal), 1)
  const runner = startJobs(one, [site.job()])
  await site.pass(2_000)
  await stopAll([runner], site)
  assert.equal(site.ran.length, 2)
})

function requireOncePerPeriod(ran: readonly { readonly atMs: number }[]): void {
  assert.ok(ran.length > 1)
  for (const [at, { atMs }] of ran.entries()) {
    const before = ran[at - 1]
    if (before) assert.ok(atMs - before.atMs >= everyMs, `${atMs - before.atMs} ms after the run before`)
  }
}

/** Three instances on one ledger and one clock, and one job that tells of its runs. */
async function openSite(t: TestContext) {
  const { thread } = await freshSqlite(t)
  const below = new SqliteLedger(thread)
  const clock = new ManualClock(1_790_000_000_000)
  const ran: { readonly by: string; readonly atMs: number }[] = []
  let atWork = 0
  const counted = async <Answer>(call: Promise<Answer>): Promise<Answer> => {
    atWork++
    try {
      return await call
    } finally {
      atWork--
    }
  }
  const ledger: Scene['ledger'] = {
    takeLease: (...lease) => counted(below.takeLease(...lease)),
    dropLease: (...lease) => counted(below.dropLease(...lease)),
  }
  const settle = async (): Promise<void> => {
    for (let turns = 0; turns < 5 || atWork > 0; turns++) await new Promise(setImmediate)
  }
  const instances = [0, 1, 2].map((at): Scene => ({ ledger, clock, log: new KeptLog(), instance: `i-${at}` }))
  const job = (): Job<Scene> => ({
    name: 'work',
    everyMs,
    firstAfterMs: 1_000,
    leaseMs: everyMs,
    async run(vault) {
      ran.push({ by: vault.instance, atMs: vault.clock.nowMs() })
      return 1
    },
  })
  return {
    clock,
    ran,
    instances,
    job,
    settle,
    async pass(ms: number): Promise<void> {
      const stepMs = Math.min(ms, 500)
      for (let passed = 0; passed < ms; passed += stepMs) {
        clock.advance(stepMs)
        await settle()
      }
    },
  }
}

async function stopAll(runners: readonly Runner[], { settle }: { settle: () => Promise<void> }): Promise<void> {
  await Promise.all(runners.map(runner => runner.stop()))
  await settle()
}
