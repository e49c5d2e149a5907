import type { TenantId } from '../../src/domain/ids.ts'
import { executePurge } from '../../src/retention/execute-purge.ts'
import { planPurge } from '../../src/retention/plan-purge.ts'
import { purgeCaller } from '../../src/retention/purge-caller.ts'
import { closedPerson, layPapers } from '../support/lay-papers.ts'
import { rawGrant } from '../support/raw-grant.ts'
import { SteppedClock } from '../support/stepped-clock.ts'
import { newVaultFolder, openWrapped } from '../support/vault-folder.ts'
import { flushCostMs } from './machine.ts'
import { median, type Options, type Row, shown } from './row.ts'

const tenant = 'nomor-keluar' as TenantId
const closedAtMs = Date.UTC(2026, 0, 15)
const dueMs = Date.UTC(2033, 0, 17)
const signal = new AbortController().signal
const sizeBytes = 200_000

/** `purge`: papers of one person each, planned and destroyed, with their certificates. */
export async function benchPurge({ rounds, quick, progress }: Options): Promise<readonly Row[]> {
  const count = quick ? 1_024 : 2_560
  await using folder = await newVaultFolder()
  await using open = await openWrapped(folder.config, { clock: new SteppedClock(dueMs) })
  const { vault, ports } = open
  const caller = purgeCaller(vault, tenant)
  const [rate, planned, cpu, flush]: [number[], number[], number[], number[]] = [[], [], [], []]
  for (let round = 0; round < rounds; round++) {
    await layPapers(ports, { tenant, count, sizeBytes, closedAtMs, lookAtMs: dueMs })
    flush.push(flushCostMs())
    const startedMs = performance.now()
    const run = await planPurge(vault, caller, { signal })
    const plannedMs = performance.now()
    const before = process.cpuUsage()
    const done = run && (await executePurge(vault, caller, { run: run.id, signal }))
    if (done?.destroyed !== count) throw new Error(`${done?.destroyed} of ${count} destroyed`)
    rate.push((count * 1_000) / (performance.now() - plannedMs))
    planned.push((count * 1_000) / (plannedMs - startedMs))
    const { user, system } = process.cpuUsage(before)
    cpu.push((user + system) / count)
    progress(
      `purge, round ${round + 1} of ${rounds}: ${shown(rate.at(-1) ?? 0)}/s, planned ${shown(planned.at(-1) ?? 0)}/s`,
    )
  }
  const notes = [
    `4 KiB append and fdatasync ${shown(median(flush))} ms`,
    `planned before at ${shown(median(planned))}/s`,
    `${shown(median(cpu))} µs of CPU for each paper`,
  ]
  return [
    {
      bench: 'purge',
      name: 'purge, 200 kB papers',
      unit: '/s',
      ask: { bound: 'at least', value: 2_500 },
      values: rate,
      notes,
    },
  ]
}

const [few, many] = [10_000, 1_000_000]
const dueOfAll = 1_000
const questions = 200

/** `due`: the first page of who is due, among ten thousand and among a million persons of whom a thousand are. */
export async function benchDue({ rounds, quick, progress }: Options): Promise<readonly Row[]> {
  await using folder = await newVaultFolder()
  await using open = await openWrapped(folder.config, { clock: new SteppedClock(dueMs) })
  const { ledger } = open.ports
  const laid = [few, quick ? many / 10 : many]
  const tenants = ['nomor-keluar', 'jnetot'] as TenantId[]
  for (const [at, name] of tenants.entries()) {
    const all = laid[at] ?? 0
    for (let n = 0; n < all; ) {
      const some = Array.from({ length: Math.min(2_000, all - n) }, (_, i) => {
        const lookAtMs = n + i < dueOfAll ? dueMs - i : dueMs + 86_400_000 * (1 + n + i)
        return ledger.commit(rawGrant, [
          { row: 'subject', expected: 0, put: closedPerson({ tenant: name, closedAtMs, lookAtMs }) },
        ])
      })
      n += (await Promise.all(some)).length
    }
    progress(`due: ${all} persons laid`)
  }
  const times: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    for (const at of [0, 1] as const) {
      const startedMs = performance.now()
      for (let n = 0; n < questions; n++) {
        const found = await ledger.dueSubjects(tenants[at] as TenantId, dueMs, { limit: 256 })
        if (found.length !== 256) throw new Error(`${found.length} due`)
      }
      times[at].push((performance.now() - startedMs) / questions)
    }
  }
  const ratios = times[1].map((ms, at) => ms / (times[0][at] ?? Number.NaN))
  const notes = [`${shown(median(times[0]))} ms of ${laid[0]}`, `${shown(median(times[1]))} ms of ${laid[1]}`]
  return [
    {
      bench: 'due',
      name: 'due query, a million to ten thousand',
      unit: '×',
      ask: { bound: 'at most', value: 1.5 },
      values: ratios,
      notes,
    },
  ]
}
