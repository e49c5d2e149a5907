import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
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
