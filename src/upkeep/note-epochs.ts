import type { Epoch } from '../domain/epoch.ts'
import { VaultError } from '../domain/errors.ts'
import type { TenantId } from '../domain/ids.ts'
import { admit, close, codeOf } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'
import type { Change } from '../ports/ledger.ts'
import { upkeepCaller } from './upkeep-caller.ts'

/** A tenant's epochs as the ledger tells them once it agrees with the keyring. */
export interface NotedEpochs {
  readonly epochs: readonly Epoch[]
  /** The epoch that wraps new keys. */
  readonly active: string
  /** How many rows were written. */
  readonly noted: number
}

/**
 * Brings the ledger's account of a tenant's epochs in line with the keyring: a key that is new, or that no longer wraps. A flip
 * reaches the tenants that share the key in this way, and a ring whose former keys are older than the account.
 *
 * @throws {VaultError} keys.refused - the keyring went back to an epoch that is over, as after an old key file was put back
 */
export async function noteEpochs(vault: Vault, tenant: TenantId): Promise<NotedEpochs> {
  const [{ active, former }, epochs] = await Promise.all([
    vault.keyring.epochs(tenant),
    vault.ledger.listEpochs(tenant),
  ])
  const current = epochs.find(({ epoch }) => epoch === active)
  if (current && current.state !== 'active') throw new VaultError('keys.refused', { detail: 'epoch.revived' })
  const nowMs = vault.clock.nowMs()
  const changes = [
    ...(current ? [] : [inserted({ tenant, epoch: active, state: 'active', activeAtMs: nowMs, version: 1 })]),
    ...epochs.filter(({ epoch, state }) => epoch !== active && state === 'active').map(row => endedAt(row, nowMs)),
    ...former
      .filter(name => epochs.every(({ epoch }) => epoch !== name))
      .map(epoch => inserted({ tenant, epoch, state: 'former', activeAtMs: 0, formerAtMs: nowMs, version: 1 })),
  ]
  if (changes.length === 0) return { epochs, active, noted: 0 }
  await write(vault, tenant, active, changes)
  return { epochs: await vault.ledger.listEpochs(tenant), active, noted: changes.length }
}

async function write(vault: Vault, tenant: TenantId, active: string, changes: readonly Change[]): Promise<void> {
  const caller = upkeepCaller(vault, 'rewrap-keys', tenant)
  const resource = { known: true, due: true }
  const detail = { active, step: 'note' }
  const { grant } = await admit(vault, caller, { action: 'key.rotate', resource, detail })
  try {
    // Another process may have been first, and then wrote the same.
    await vault.ledger.commit(grant, changes)
    await close(vault, grant, { out: 'done', detail })
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}

/** The change that ends an epoch's time as the active one. */
export function endedAt(row: Epoch, nowMs: number): Change {
  const { asked: _, ...rest } = row
  const put: Epoch = { ...rest, state: 'former', formerAtMs: nowMs, version: row.version + 1 }
  return { row: 'epoch', expected: row.version, put }
}

/** The change that begins the account of an epoch. */
export function inserted(put: Epoch): Change {
  return { row: 'epoch', expected: 0, put }
}
