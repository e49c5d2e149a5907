import { type Epoch, isAsked } from '../domain/epoch.ts'
import type { TenantId } from '../domain/ids.ts'
import { admit, close, codeOf } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'
import { EntryReader } from './entry-reader.ts'
import { type NotedEpochs, noteEpochs } from './note-epochs.ts'
import { upkeepCaller } from './upkeep-caller.ts'

/** What a flip came to. */
export interface RotatedKey {
  readonly from: string
  readonly to: string
}

/** One process at a time: two who replace one key would make two in its place. */
const beginLease = 'begin-epoch'
const beginLeaseMs = 5 * 60_000

/**
 * Begins a new epoch where two persons of the tenant asked for it: from now on a new key wraps the data keys of papers, for every
 * tenant that shares the one before. The decision is believed only as far as the trail tells of it, and it names the epoch
 * that it replaces, so it is carried out once, by whoever comes first. A crash in between leaves a flip that is noted by
 * the next turn.
 *
 * @returns what was begun; undefined where nobody asked, or too long ago, or another process begins it now
 * @throws {VaultError} keys.rotating - an earlier flip is not at its end, or the key is none that the vault may replace
 * @throws {VaultError} keys.*, ledger.*, trail.* - the next turn tries again
 */
export async function beginAsked(vault: Vault, tenant: TenantId, noted: NotedEpochs): Promise<RotatedKey | undefined> {
  if (!askedIn(vault, noted)) return undefined
  const { ledger, instance, clock } = vault
  const fence = await ledger.takeLease(beginLease, instance, clock.nowMs(), beginLeaseMs)
  if (fence === undefined) return undefined
  try {
    const row = askedIn(vault, await noteEpochs(vault, tenant))
    return row && (await isOnRecord(vault, row)) ? await begin(vault, tenant, row) : undefined
  } finally {
    await ledger.dropLease(beginLease, instance)
  }
}

function askedIn({ clock }: Vault, { epochs, active }: NotedEpochs): Epoch | undefined {
  return epochs.find(row => row.epoch === active && isAsked(row, clock.nowMs()))
}

async function begin(vault: Vault, tenant: TenantId, { epoch, asked }: Epoch): Promise<RotatedKey> {
  const caller = upkeepCaller(vault, 'rewrap-keys', tenant)
  const { by = '', second = '', trail } = asked ?? {}
  const detail = { step: 'begin', epoch, by, second, ...(trail ? { log: trail.log, index: trail.index } : {}) }
  const { grant } = await admit(vault, caller, { action: 'key.rotate', resource: { known: true, due: true }, detail })
  try {
    const flipped = await vault.keyring.beginEpoch(grant, tenant)
    await close(vault, grant, { out: 'done', detail: { step: 'begin', ...flipped } })
    await noteEpochs(vault, tenant)
    return flipped
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error), detail: { step: 'begin' } }, error)
    throw error
  }
}

/** Whether the entry that the row names granted exactly this to these two. */
async function isOnRecord({ batches }: Vault, { tenant, epoch, asked }: Epoch): Promise<boolean> {
  const entry = asked && (await new EntryReader(batches).at(asked.trail))
  return (
    entry?.act === 'key.rotate' &&
    entry.out === 'allow' &&
    entry.ten === tenant &&
    entry.actor?.id === asked?.by &&
    entry.actor?.k === 'person' &&
    entry.det?.epoch === epoch &&
    entry.det?.second === asked?.second
  )
}
