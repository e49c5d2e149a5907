import { VaultError } from '../domain/errors.ts'
import type { ProcessRole } from '../domain/process-role.ts'
import type { Ports } from '../ports/ports.ts'
import type { effects } from './gate.ts'

type Effect = keyof typeof effects

/**
 * Which processes hold which effect. Whoever takes papers in opens none, whoever opens them can neither make nor destroy one,
 * and whoever destroys or wraps anew has no key in hand. The rights that the operator gives each process (infra/README.md) say
 * the same.
 */
export const heldBy = {
  'ledger.commit': ['intake', 'access', 'jobs', 'keys'],
  'keyring.newDataKey': ['intake'],
  'keyring.unwrap': ['access'],
  'wrappedKeys.put': ['intake'],
  'keyring.rewrap': ['keys'],
  'keyring.beginEpoch': ['keys'],
  'keyring.disableEpoch': ['keys'],
  'keyring.endEpoch': ['keys'],
  'wrappedKeys.replace': ['keys'],
  'wrappedKeys.closeEpoch': ['keys'],
  'wrappedKeys.destroy': ['jobs'],
  'destroyed.append': ['jobs'],
  'blobs.put': ['intake'],
  'blobs.delete': ['jobs'],
  'blobs.deleteAll': ['jobs'],
} as const satisfies Record<Effect, readonly ProcessRole[]>

/**
 * The same ports without the effects that no role of this process holds: a call of one throws `effect.withheld` and reaches no
 * adapter, whatever grant it shows.
 *
 * @param roles none for a process that only reads
 */
export function narrow(ports: Ports, roles: readonly ProcessRole[]): Ports {
  const withheld = (Object.keys(heldBy) as Effect[]).filter(name => {
    const holders: readonly ProcessRole[] = heldBy[name]
    return !holders.some(role => roles.includes(role))
  })
  const { ledger, keyring, wrappedKeys, destroyed, blobs } = ports
  return {
    ...ports,
    ledger: without('ledger', ledger, withheld),
    keyring: without('keyring', keyring, withheld),
    wrappedKeys: without('wrappedKeys', wrappedKeys, withheld),
    destroyed: without('destroyed', destroyed, withheld),
    blobs: without('blobs', blobs, withheld),
  }
}

function without<Port extends object>(port: keyof Ports, inner: Port, withheld: readonly Effect[]): Port {
  const methods = new Set(withheld.filter(name => name.startsWith(`${port}.`)).map(name => name.slice(port.length + 1)))
  if (methods.size === 0) return inner
  return new Proxy(inner, {
    get(target, name) {
      if (typeof name === 'string' && methods.has(name)) return () => refuse(`${port}.${name}`)
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

function refuse(effect: string): never {
  throw new VaultError('effect.withheld', { detail: effect })
}
