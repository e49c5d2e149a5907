import { setTimeout as sleep } from 'node:timers/promises'
import { productionPlace, productionSkip } from '../support/production-place.ts'
import { prepare } from '../support/production-site.ts'
import { ownReplicaSet } from '../support/replica-set.ts'
import { runVault, type SpawnedVault, serveVault } from '../support/spawned-vault.ts'
import {
  awaitDestroyed,
  type DuePapers,
  forgetWhenTold,
  type KeyOf,
  layDue,
  requested,
  requestPurge,
  scheduled,
} from './due.ts'
import { judgeJobs } from './jobs.ts'
import { judgeDestroyed, judgeHeads, judgeStores } from './judge.ts'
import { client, type Load, read } from './load.ts'

/**
 * `npm run test:cluster`: four vault processes on one backing, with a replica set of their own, under load for 60 s. On the way
 * one of them is killed, another takes its place, and the primary of the database is killed. Papers of two other platforms fall
 * due meanwhile, some of them held: of one its schedule destroys them, of the other a purge that is asked for over HTTP. Prints
 * what was killed and what was counted; exit code 1 when anything that was acknowledged is not there or differs, a due paper
 * is not destroyed exactly once or a held one is touched, an idempotency key had two effects, a job ran twice at once or in
 * one period, instances see different trails, or the trail, `check` or `restore-check` finds fault.
 */
const tenant = 'omo7777'
const secondsOfLoad = 60
const clients = 8
const dueAtOnce = 12
/** A turn of the purge comes round within a period and a quarter, and may meet the election. */
const purgeWithinMs = 150_000

if (productionSkip !== false) {
  print(`not run: ${productionSkip}`)
  process.exitCode = process.env['VAULT_TEST_REQUIRE'] === 'all' ? 1 : 0
} else {
  process.exitCode = (await run()) ? 0 : 1
}

async function run(): Promise<boolean> {
  await using set = await ownReplicaSet()
  await using place = await productionPlace(set.uri, withSchedules)
  const settings = { ...place.settings, VAULT_READ_BUDGET: '1000000', VAULT_LOG_LEVEL: 'info' }
  const key = await prepare(place)
  const load = await loadOf(key)
  const papers: DuePapers = { due: [], held: [] }
  await using stack = new AsyncDisposableStack()
  const vaults: SpawnedVault[] = []
  const all: SpawnedVault[] = []
  const start = async (): Promise<SpawnedVault> => {
    const vault = stack.use(await serveVault(settings))
    load.urls.push(vault.url)
    vaults.push(vault)
    all.push(vault)
    return vault
  }
  for (let at = 0; at < 4; at++) await start()
  print(`four instances listen; ${clients} clients begin`)
  const untilMs = Date.now() + secondsOfLoad * 1_000
  const working = Array.from({ length: clients }, () => client({ ...load, untilMs }))
  await layDue(load, key, scheduled, dueAtOnce, papers)
  await forgetWhenTold(place, set.uri)
  await sleep(Math.max(0, untilMs - Date.now() - 45_000))
  await killOne(vaults, load)
  await sleep(3_000)
  await start()
  print(`${load.kept.length} papers kept; a new instance has taken the place of the killed one`)
  await Promise.all(([scheduled, requested] as const).map(of => layDue(load, key, of, dueAtOnce, papers)))
  await forgetWhenTold(place, set.uri)
  await requestPurge(load, key)
  print(`${papers.due.length} papers are due and ${papers.held.length} held; a purge was asked for over HTTP`)
  await sleep(2_000)
  await set.killPrimary()
  print(`${load.kept.length} papers kept; the primary of the database is killed`)
  await Promise.all(working)
  const waitingMs = Date.now()
  const destroyed = awaitDestroyed(load, key, papers, purgeWithinMs)
  await everyPaperEverywhere({ ...load, kept: [...load.kept, ...papers.held] })
  const left = await destroyed
  if (left > 0) load.violations.push(`${left} due papers are not destroyed`)
  print(`the last due paper was gone ${Math.round((Date.now() - waitingMs) / 1_000)} s after the load ended`)
  print(await judgeDestroyed(load, key, papers))
  await everyPaperEverywhere({ ...load, kept: papers.held })
  print(await judgeHeads(load, key, [tenant, scheduled, requested]))
  const endedMs = Date.now()
  const stopped = await Promise.all(
    vaults.map(async ({ process: child, ended }) => {
      child.kill('SIGTERM')
      return (await ended).code
    }),
  )
  if (stopped.some(code => code !== 0)) load.violations.push(`instances ended with ${stopped.join(', ')}`)
  const jobs = judgeJobs(await Promise.all(all.map(({ ended }) => ended)), await place.leases(), endedMs)
  load.violations.push(...jobs.violations)
  print(`\njobs, by their leases:\n${jobs.summary.join('\n')}`)
  print(`\n${await judgeStores(load, place, set.uri, papers)}`)
  await judged(['restore-check'], settings, load, /\b0 papers destroyed again/)
  await judged(['trail', 'verify'], settings, load)
  await judged(['check'], settings, load)
  return report(load)
}

/** The shipped policies, but for when their purge comes round: every minute of one platform, days from now of the others. */
function withSchedules(policy: object, id: string): object {
  const purge = 'purge' in policy ? (policy.purge as object) : {}
  const inThreeDays = `15 2 * * ${(new Date().getUTCDay() + 3) % 7}`
  return { ...policy, purge: { ...purge, schedule: id === scheduled ? '* * * * *' : inThreeDays } }
}

async function loadOf(key: KeyOf): Promise<Load> {
  const [onboarding, senior] = [await key(tenant, 'onboarding'), await key(tenant, 'senior-reviewer')]
  return { urls: [], keys: { onboarding, senior }, untilMs: 0, kept: [], counts: new Map(), violations: [] }
}

/** As a machine that is gone: clients go on asking it until they are told that it went. */
async function killOne(vaults: SpawnedVault[], load: Load): Promise<void> {
  const [victim] = vaults.splice(0, 1)
  if (!victim) throw new Error('there is nothing to kill')
  victim.process.kill('SIGKILL')
  await victim.ended
  print(`${load.kept.length} papers kept; one instance is killed`)
  load.urls.splice(load.urls.indexOf(victim.url), 1)
}

/** Every acknowledged paper, read by every instance; 503 is asked again, for the load may just have ended. */
async function everyPaperEverywhere(load: Load): Promise<void> {
  let reads = 0
  for (const url of load.urls) {
    for (const one of load.kept) {
      let answer = await read(load, url, one)
      for (let tries = 0; answer.status === 503 && tries < 20; tries++) {
        await sleep(250)
        answer = await read(load, url, one)
      }
      if (answer.status !== 200) load.violations.push('a kept paper does not open')
      reads++
    }
  }
  print(`${reads} reads: ${load.kept.length} papers by each of ${load.urls.length} instances`)
}

async function judged(
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
  load: Load,
  says = /./,
): Promise<void> {
  const ran = await runVault(args, settings)
  print(`\n${args.join(' ')}:\n${ran.stdout.trim()}`)
  if (ran.code !== 0 || !says.test(ran.stdout))
    load.violations.push(`${args.join(' ')} ended with ${ran.code} ${ran.stderr}`)
}

function report({ counts, kept, violations }: Load): boolean {
  print('\nanswers:')
  for (const [what, count] of [...counts].sort(([a], [b]) => a.localeCompare(b))) print(`  ${what.padEnd(16)} ${count}`)
  print(`papers acknowledged: ${kept.length}`)
  for (const violation of new Set(violations)) print(`VIOLATION: ${violation}`)
  if (violations.length === 0) print('nothing that was acknowledged is lost, and everything holds together')
  return violations.length === 0
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
