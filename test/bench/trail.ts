import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqlite } from '../../src/adapters/sqlite-thread.ts'
import { SqliteTrailBatches } from '../../src/adapters/sqlite-trail-batches.ts'
import { SystemClock } from '../../src/adapters/system-clock.ts'
import type { Caller } from '../../src/domain/caller.ts'
import type { EntryDraft } from '../../src/domain/entry.ts'
import type { PersonId, TenantId } from '../../src/domain/ids.ts'
import { Trail } from '../../src/guards/trail.ts'
import { newUuid7 } from '../../src/guards/uuid7.ts'
import { verifyLogs } from '../../src/trail/verify.ts'
import { flushCostMs } from './machine.ts'
import { median, type Options, quantile, type Row, shown } from './row.ts'

/** As many as wait in a busy vault; each asks for its next entry when the last is durable. */
const appenders = 200

/** `append`: durable entries of single calls on SQLite, and what they cost. */
export async function benchAppend({ rounds, quick, progress }: Options): Promise<readonly Row[]> {
  await using place = await trailPlace()
  const count = quick ? 10_000 : 40_000
  await appendAll(place.trail, count / 4)
  const [rate, p99, cpu, flush]: [number[], number[], number[], number[]] = [[], [], [], []]
  for (let round = 0; round < rounds; round++) {
    flush.push(flushCostMs())
    const before = process.cpuUsage()
    const startedMs = performance.now()
    const waited = await appendAll(place.trail, count)
    rate.push((count * 1_000) / (performance.now() - startedMs))
    const { user, system } = process.cpuUsage(before)
    cpu.push((user + system) / count)
    p99.push(quantile(waited, 0.99))
    progress(`append, round ${round + 1} of ${rounds}`)
  }
  const notes = [`4 KiB append and fdatasync ${shown(median(flush))} ms`, `${appenders} callers at once`]
  // The rate and the tail are promised for disks like this; elsewhere they are reported and not judged.
  const quickDisk = median(flush) < 0.5
  const asked = (ask: NonNullable<Row['ask']>) => (quickDisk ? { ask } : {})
  return [
    {
      bench: 'append',
      name: 'trail append',
      unit: '/s',
      ...asked({ bound: 'at least', value: 20_000 }),
      values: rate,
      notes,
    },
    {
      bench: 'append',
      name: 'trail append, p99',
      unit: 'ms',
      ...asked({ bound: 'at most', value: 20 }),
      values: p99,
      notes,
    },
    {
      bench: 'append',
      name: 'trail append, CPU of an entry',
      unit: 'µs',
      ask: { bound: 'at most', value: 100 },
      values: cpu,
      notes,
    },
  ]
}

/** `verify`: a million entries computed again; a tenth of it, extrapolated, when quick. */
export async function benchVerify({ rounds, quick, progress }: Options): Promise<readonly Row[]> {
  await using place = await trailPlace()
  const count = quick ? 100_000 : 1_000_000
  for (let written = 0; written < count; ) {
    const calls = Array.from({ length: 20 }, () => place.trail.append(Array.from({ length: 50 }, draftOf)))
    written += (await Promise.all(calls)).flat().length
  }
  progress(`verify: ${count} entries written`)
  const seconds: number[] = []
  for (let round = 0; round < rounds; round++) {
    const startedMs = performance.now()
    const reports = await verifyLogs(place.batches)
    const entries = reports.reduce((sum, report) => sum + report.entries, 0)
    if (entries !== count || reports.some(({ problems }) => problems.length > 0))
      throw new Error('the trail does not verify')
    seconds.push(((performance.now() - startedMs) * (1_000_000 / count)) / 1_000)
    progress(`verify, round ${round + 1} of ${rounds}`)
  }
  const notes = [quick ? `extrapolated from ${count} entries` : `${count} entries`]
  return [
    {
      bench: 'verify',
      name: 'trail verify, a million entries',
      unit: 's',
      ask: { bound: 'at most', value: 12 },
      values: seconds,
      notes,
    },
  ]
}

/** @returns milliseconds that each entry waited until it was durable */
export async function appendAll(trail: Trail, count: number): Promise<readonly number[]> {
  const waitedMs: number[] = []
  let left = count
  const appender = async (): Promise<void> => {
    while (left-- > 0) {
      const startedMs = performance.now()
      await trail.append([draftOf()])
      waitedMs.push(performance.now() - startedMs)
    }
  }
  await Promise.all(Array.from({ length: appenders }, appender))
  return waitedMs
}

/** What entries waited for, in milliseconds, those that were refused included. */
export interface Waited {
  readonly waitedMs: readonly number[]
  readonly refused: number
}

/**
 * Sends entries evenly, whether those before are durable or not, as callers do who know nothing of each other. Each wait counts
 * from the moment at which the entry was to be sent, so that a writer that stalls does not hide what it kept from being sent.
 */
export async function appendAtRate(trail: Trail, count: number, perSecond: number): Promise<Waited> {
  const waitedMs: number[] = []
  let refused = 0
  const startedMs = performance.now()
  const append = async (dueMs: number): Promise<void> => {
    try {
      await trail.append([draftOf()])
    } catch {
      refused++
    }
    waitedMs.push(performance.now() - dueMs)
  }
  const sent: Promise<void>[] = []
  while (sent.length < count) {
    const due = Math.floor(((performance.now() - startedMs) * perSecond) / 1_000) + 1
    while (sent.length < Math.min(due, count)) sent.push(append(startedMs + (sent.length * 1_000) / perSecond))
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  await Promise.all(sent)
  return { waitedMs, refused }
}

const caller: Caller = {
  kind: 'person',
  id: 'reviewer-1' as PersonId,
  tenant: 'jnetot' as TenantId,
  roles: ['senior-reviewer'],
  auth: 'key',
  credential: 'abcdefghijklmnop',
  requestId: newUuid7(),
}

/** The outcome of a look at a paper: what a busy vault writes most. */
function draftOf(): EntryDraft {
  return {
    act: 'document.open.original',
    out: 'done',
    of: newUuid7(),
    caller,
    subject: '5f7b6f0e-3c1f-4b5e-9d80-1c1a2b3c4d5e',
    document: '019a5c3e-7f12-7abc-8def-0123456789ab',
    reason: { purpose: 'kyc', case: 'CASE-1' as NonNullable<EntryDraft['reason']>['case'] },
    detail: { rendition: 'original', from: 0, to: 3_145_728, bytes: 3_145_728 },
  }
}

async function trailPlace(): Promise<
  AsyncDisposable & { readonly trail: Trail; readonly batches: SqliteTrailBatches }
> {
  const folder = await mkdtemp(join(tmpdir(), 'vault-bench-'))
  const thread = await openSqlite(join(folder, 'data'))
  const batches = new SqliteTrailBatches(thread)
  const log = { info() {}, warn() {}, error() {} }
  const trail = new Trail({ batches, clock: new SystemClock(), log, instance: 'bench' })
  return {
    trail,
    batches,
    async [Symbol.asyncDispose]() {
      await trail.close()
      await thread[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    },
  }
}
