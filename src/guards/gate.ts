import { type Action, actions } from '../domain/permission.ts'
import type { Ports } from '../ports/ports.ts'
import { commitBy, requireLive } from './admit.ts'

/** Which actions may cause which effect: an effect that an action has no business with is refused even with its grant. */
export const effects = {
  'ledger.commit': actions,
  'keyring.newDataKey': ['document.deposit'],
  'keyring.unwrap': ['document.open.original', 'document.open.preview', 'document.open.masked', 'document.export'],
  'keyring.rewrap': ['key.rotate'],
  'keyring.beginEpoch': ['key.rotate'],
  'keyring.disableEpoch': ['key.rotate'],
  'keyring.endEpoch': ['key.rotate'],
  'wrappedKeys.put': ['document.deposit'],
  'wrappedKeys.replace': ['key.rotate'],
  'wrappedKeys.closeEpoch': ['key.rotate'],
  'destroyed.append': ['purge.execute', 'document.erase', 'restore.check'],
  'wrappedKeys.destroy': ['purge.execute', 'document.erase', 'deposit.sweep', 'restore.check'],
  'blobs.put': ['document.deposit'],
  'blobs.delete': ['purge.execute', 'document.erase', 'deposit.sweep', 'restore.check'],
  'blobs.deleteAll': ['purge.execute', 'document.erase', 'deposit.sweep', 'restore.check'],
} as const satisfies Record<string, readonly Action[]>

/**
 * The same ports, with every effect behind a live grant. Verbs only ever hold gated ports; the adapters below stay dull.
 * Methods are bound here, so adapters may be classes.
 */
export function gate(ports: Ports): Ports {
  const { ledger, wrappedKeys, blobs, destroyed, keyring } = ports
  return {
    ...ports,
    ledger: behind(ledger, {
      commit: (by, changes) => commitBy(by, changes, all => ledger.commit(by, all)),
    }),
    keyring: behind(keyring, {
      newDataKey: (by, context) => {
        requireLive(by, effects['keyring.newDataKey'])
        return keyring.newDataKey(by, context)
      },
      unwrap: (by, edks, context) => {
        requireLive(by, effects['keyring.unwrap'])
        return keyring.unwrap(by, edks, context)
      },
      rewrap: (by, ...rest) => {
        requireLive(by, effects['keyring.rewrap'])
        return keyring.rewrap(by, ...rest)
      },
      beginEpoch: (by, tenant) => {
        requireLive(by, effects['keyring.beginEpoch'])
        return keyring.beginEpoch(by, tenant)
      },
      disableEpoch: (by, epoch) => {
        requireLive(by, effects['keyring.disableEpoch'])
        return keyring.disableEpoch(by, epoch)
      },
      endEpoch: (by, epoch) => {
        requireLive(by, effects['keyring.endEpoch'])
        return keyring.endEpoch(by, epoch)
      },
    }),
    wrappedKeys: behind(wrappedKeys, {
      put: (by, key) => {
        requireLive(by, effects['wrappedKeys.put'])
        return wrappedKeys.put(by, key)
      },
      replace: (by, ...rest) => {
        requireLive(by, effects['wrappedKeys.replace'])
        return wrappedKeys.replace(by, ...rest)
      },
      closeEpoch: (by, ...rest) => {
        requireLive(by, effects['wrappedKeys.closeEpoch'])
        return wrappedKeys.closeEpoch(by, ...rest)
      },
      destroy: (by, ids) => {
        requireLive(by, effects['wrappedKeys.destroy'])
        return wrappedKeys.destroy(by, ids)
      },
    }),
    destroyed: behind(destroyed, {
      append: (by, marks) => {
        requireLive(by, effects['destroyed.append'])
        return destroyed.append(by, marks)
      },
    }),
    blobs: behind(blobs, {
      put: (by, ...rest) => {
        requireLive(by, effects['blobs.put'])
        return blobs.put(by, ...rest)
      },
      delete: (by, key) => {
        requireLive(by, effects['blobs.delete'])
        return blobs.delete(by, key)
      },
      deleteAll: (by, keys) => {
        requireLive(by, effects['blobs.deleteAll'])
        return blobs.deleteAll(by, keys)
      },
    }),
  }
}

/** `inner` with some methods replaced; the others stay bound to it. */
function behind<Port extends object>(inner: Port, over: Partial<Port>): Port {
  return new Proxy(inner, {
    get(target, name) {
      const own: unknown = Reflect.get(over, name)
      if (own !== undefined) return own
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
