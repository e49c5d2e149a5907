import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { cpuMsOf } from './process-cpu.ts'
import { quantile, shown } from './row.ts'

/** Servers by name, each with the processes that are it on this machine; one that runs elsewhere has none. */
export type Servers = Readonly<Record<string, readonly number[]>>

/** Milliseconds of CPU that each server took for one request. */
export type ServerCost = Readonly<Record<string, number>>

/** @param ports by the name of their server, all on this machine */
export function serversAt(ports: Readonly<Record<string, readonly number[]>>): Servers {
  return Object.fromEntries(Object.entries(ports).map(([name, of]) => [name, of.flatMap(listenerOn)]))
}

/** What `work` cost the servers. Whoever else uses them meanwhile is counted too. */
export async function costOf<Done>(
  servers: Servers,
  requests: number,
  work: () => Promise<Done>,
): Promise<readonly [Done, ServerCost]> {
  const before = spentBy(servers)
  const done = await work()
  const spent = Object.entries(spentBy(servers)).map(([name, ms]) => [name, (ms - (before[name] ?? 0)) / requests])
  return [done, Object.fromEntries(spent) as ServerCost]
}

/** In words, of the medians of all rounds. */
export function describeServers(rounds: readonly ServerCost[]): string {
  const names = Object.keys(rounds[0] ?? {})
  const of = (name: string): string =>
    shown(
      quantile(
        rounds.map(one => one[name] ?? Number.NaN),
        0.5,
      ),
    )
  return names.map(name => `${name} ${of(name)} ms`).join(', ')
}

function spentBy(servers: Servers): Record<string, number> {
  const sum = (pids: readonly number[]) => pids.reduce((total, pid) => total + (cpuMsOf(pid) ?? Number.NaN), 0)
  return Object.fromEntries(
    Object.entries(servers).map(([name, pids]) => [name, pids.length > 0 ? sum(pids) : Number.NaN]),
  )
}

const listening = '0A'

/** The process that listens on a port; nobody where the system does not tell (Linux does, in /proc, of one's own processes). */
function listenerOn(port: number): readonly number[] {
  const at = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const sockets = new Set(
    ['/proc/net/tcp', '/proc/net/tcp6'].flatMap(table =>
      linesOf(table)
        .map(line => line.trim().split(/\s+/))
        .filter(([, local, , state]) => local?.endsWith(at) && state === listening)
        .map(fields => `socket:[${fields[9]}]`),
    ),
  )
  const pids = namesIn('/proc').filter(name => /^\d+$/.test(name))
  const found = pids.find(pid => namesIn(`/proc/${pid}/fd`).some(fd => sockets.has(linkAt(`/proc/${pid}/fd/${fd}`))))
  return found === undefined ? [] : [Number(found)]
}

const linesOf = (path: string): readonly string[] => orElse(() => readFileSync(path, 'utf8').split('\n'), [])
const namesIn = (path: string): readonly string[] => orElse(() => readdirSync(path), [])
const linkAt = (path: string): string => orElse(() => readlinkSync(path), '')

/** Processes and their files come and go while they are looked at, and others' may not be looked into. */
function orElse<Seen>(look: () => Seen, otherwise: Seen): Seen {
  try {
    return look()
  } catch (error) {
    if (error instanceof Error && 'code' in error) return otherwise
    throw error
  }
}
