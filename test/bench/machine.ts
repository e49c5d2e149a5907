import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { busyMsOfMachine } from './process-cpu.ts'
import { median } from './row.ts'

/** Milliseconds of a 4 KiB append and its fdatasync on this disk now: the median of `times`. */
export function flushCostMs(times = 40): number {
  const folder = mkdtempSync(join(tmpdir(), 'vault-flush-'))
  const file = openSync(join(folder, 'log'), 'a')
  const block = Buffer.alloc(4_096, 1)
  try {
    const costs = Array.from({ length: times }, () => {
      const startedMs = performance.now()
      writeSync(file, block)
      fdatasyncSync(file)
      return performance.now() - startedMs
    })
    return median(costs)
  } finally {
    closeSync(file)
    rmSync(folder, { recursive: true })
  }
}

export function describeMachine(): string {
  return `${availableParallelism()} x ${cpus()[0]?.model ?? 'unknown processor'}, ${process.platform} ${process.arch}, Node ${process.versions.node}`
}

/**
 * How much of the processors others take, 0 to 1, looked at for a second in which the bench does nothing; undefined where the
 * system does not tell. Beside it every figure is to be read: what waits for several threads in turn suffers more than what
 * runs through in one.
 */
export async function takenByOthers(): Promise<number | undefined> {
  const [before, startedMs] = [busyMsOfMachine(), performance.now()]
  await pause(1_000)
  const after = busyMsOfMachine()
  if (before === undefined || after === undefined) return undefined
  return Math.min((after - before) / ((performance.now() - startedMs) * availableParallelism()), 1)
}
