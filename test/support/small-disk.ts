import { execFileSync } from 'node:child_process'
import { closeSync, fstatSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { needsPower } from './needs.ts'

export const smallDiskNeeds = needsPower(canMount(), 'mounting a small disk')

/** A disk of its own, in memory; it is unmounted when disposed of. */
export interface SmallDisk extends Disposable {
  /** Writes a file until not one block is left; but for so many kilobytes, where that is said. */
  fill(butKilobytes?: number): void
  /** Takes that file away again. */
  free(): void
}

/** @param path an empty folder, which becomes the disk */
export function smallDisk(path: string, megabytes: number): SmallDisk {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=700`, 'tmpfs', path])
  const ballast = join(path, 'ballast')
  return {
    fill: (butKilobytes = 0) => fill(ballast, butKilobytes),
    free: () => rmSync(ballast),
    [Symbol.dispose]: () => void execFileSync('umount', ['-l', path]),
  }
}

function fill(path: string, butKilobytes: number): void {
  const file = openSync(path, 'w', 0o600)
  try {
    for (const size of [1 << 20, 1 << 12]) {
      try {
        for (;;) writeSync(file, Buffer.alloc(size))
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
      }
    }
    ftruncateSync(file, Math.max(0, fstatSync(file).size - butKilobytes * 1_024))
  } finally {
    closeSync(file)
  }
}

function canMount(): boolean {
  const script =
    'd=$(mktemp -d) && mount -t tmpfs -o size=1m tmpfs "$d"; s=$?; umount "$d" 2>/dev/null; rmdir "$d"; exit $s'
  try {
    execFileSync('sh', ['-c', script], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
