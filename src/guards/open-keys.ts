import type { Caller } from '../domain/caller.ts'
import { serializeContext } from '../domain/key-context.ts'
import type { Keyring } from '../ports/keyring.ts'
import { requireLive } from './admit.ts'
import { edkDigest } from './fingerprints.ts'
import { effects } from './gate.ts'
import type { Vault } from './vault.ts'

/** A data key that was unwrapped for a range stays in the memory of an instance for at most this long, from its unwrapping on. */
export const openKeyKeptMs = 60_000
const mostKept = 1_000

interface Kept {
  readonly dataKey: Uint8Array
  readonly untilMs: number
  readonly wiping: NodeJS.Timeout
}

const memories = new WeakMap<Vault['trail'], Map<string, Kept>>()

/**
 * The keyring for a caller who reads a document range by range: the first one asks the key service, those that follow within
 * a minute do not. Nothing else is spared: each range has its own grant, and the wrapped key is read again before it, so a
 * key that was destroyed, replaced or is asked for by anybody else is not found here. It is wiped when its time is over, however
 * the clock is set meanwhile.
 */
export function keyringForRanges(
  vault: Pick<Vault, 'keyring' | 'clock' | 'trail'>,
  caller: Caller,
): Pick<Keyring, 'unwrap'> {
  const kept = memories.getOrInsertComputed(vault.trail, () => new Map())
  return {
    async unwrap(by, edks, context) {
      requireLive(by, effects['keyring.unwrap'])
      const bound = Buffer.from(serializeContext(context)).toString('base64')
      const name = [caller.tenant, caller.id, caller.credential, bound, edkDigest(edks)].join('\0')
      const known = kept.get(name)
      if (known && vault.clock.nowMs() < known.untilMs) return Uint8Array.from(known.dataKey)
      const dataKey = await vault.keyring.unwrap(by, edks, context)
      keep(kept, name, Uint8Array.from(dataKey), vault.clock.nowMs() + openKeyKeptMs)
      return dataKey
    },
  }
}

function keep(kept: Map<string, Kept>, name: string, dataKey: Uint8Array, untilMs: number): void {
  wipe(kept, name)
  const [oldest] = kept.keys()
  if (kept.size >= mostKept && oldest !== undefined) wipe(kept, oldest)
  const wiping = setTimeout(() => wipe(kept, name), openKeyKeptMs)
  // A process that stops waits for none: its memory goes with it.
  wiping.unref()
  kept.set(name, { dataKey, untilMs, wiping })
}

function wipe(kept: Map<string, Kept>, name: string): void {
  const known = kept.get(name)
  if (!known) return
  clearTimeout(known.wiping)
  known.dataKey.fill(0)
  kept.delete(name)
}
