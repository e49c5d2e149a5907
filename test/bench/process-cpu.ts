import { readdirSync, readFileSync } from 'node:fs'

/** Linux has counted in hundredths of a second towards user space for as long as it has had /proc. */
const tickMs = 10

/**
 * CPU time of a process, its threads and its descendants so far, those that ended included, in milliseconds; undefined where
 * the system does not tell (Linux does, in /proc). Take the difference of two readings.
 */
export function cpuMsOf(pid: number): number | undefined {
  try {
    return treeMs(pid)
  } catch {
    return undefined
  }
}

function treeMs(pid: number): number {
  let total = endedChildrenMs(pid)
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    total += unlessGone(() => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]) / 1e6)
    total += unlessGone(() => {
      const children = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim()
      return children === '' ? 0 : children.split(' ').reduce((sum, child) => sum + treeMs(Number(child)), 0)
    })
  }
  return total
}

/** `cutime` and `cstime`: fields 16 and 17, counted behind the name in brackets, which is field 2. */
function endedChildrenMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[13]) + Number(fields[14])) * tickMs
}

/** A thread or a child may end while it is being looked at. */
function unlessGone(look: () => number): number {
  try {
    return look()
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return 0
    throw error
  }
}

/** Milliseconds in which any processor did anything since the machine started, for whomever; undefined as above. */
export function busyMsOfMachine(): number | undefined {
  try {
    const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = readFileSync('/proc/stat', 'utf8')
      .split('\n', 1)
      .flatMap(line => line.split(/ +/).slice(1).map(Number))
    return (user + nice + system + irq + softirq) * tickMs
  } catch {
    return undefined
  }
}
