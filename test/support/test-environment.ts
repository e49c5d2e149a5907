import { accessSync, constants, statfsSync } from 'node:fs'
import { join } from 'node:path'

/** A folder in memory where the machine has one: nothing waits for a disk there. */
const inMemory = '/dev/shm'
const leastFreeBytes = 4 * 1024 ** 3
/** Rooms whose tests are about what a disk does. */
const onDisk = /^test\/(?:contracts|faults)\//

/**
 * The environment of a test file: code that was stripped and compiled once is kept for all of them, their children and the
 * threads of these; and folders of the test lie in memory, unless the file asks what a disk does, or TMPDIR is set.
 */
export function environmentFor(file: string, top: string): NodeJS.ProcessEnv {
  return {
    NODE_COMPILE_CACHE: join(top, '.cache/tests'),
    ...(!onDisk.test(file) && hasMemory() ? { TMPDIR: inMemory } : {}),
    ...process.env,
  }
}

function hasMemory(): boolean {
  try {
    accessSync(inMemory, constants.W_OK | constants.X_OK)
    const { bavail, bsize } = statfsSync(inMemory)
    return bavail * bsize >= leastFreeBytes
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false
    throw error
  }
}
