import type { Ports } from '../../src/ports/ports.ts'

/** The same ports; every commit of the ledger is first told to `at`, numbered from 1, and made once that is done. */
export function atCommit(ports: Ports, at: (n: number) => Promise<unknown>): Ports {
  let commits = 0
  const commit: Ports['ledger']['commit'] = async (by, changes) => {
    await at(++commits)
    return ports.ledger.commit(by, changes)
  }
  const ledger = new Proxy(ports.ledger, {
    get: (target, name) => {
      if (name === 'commit') return commit
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { ...ports, ledger }
}
