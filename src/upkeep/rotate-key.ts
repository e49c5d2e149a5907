import type { Caller } from '../domain/caller.ts'
import { admit, close, codeOf, isLive, settle } from '../guards/admit.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'
import { endedAt, inserted, noteEpochs } from './note-epochs.ts'

/** What a flip came to. */
export interface RotatedKey {
  readonly from: string
  readonly to: string
}

/**
 * Begins a new epoch: from now on a new key wraps the data keys of papers, for every tenant that shares the one before. What is
 * stored is wrapped anew by the job that follows (epochs.ts), and the key before comes to its end by itself, a day later at the
 * earliest.
 *
 * @param input.second the second person who stands beside the caller
 * @throws {VaultError} role.second-person - nobody stands beside the caller, or nobody who may
 * @throws {VaultError} keys.rotating - an earlier flip is not at its end, or the key is none that the vault may replace
 */
export async function rotateKey(
  vault: Vault,
  caller: Caller,
  input: { readonly second?: Caller },
): Promise<RotatedKey> {
  const tenant = tenantOf(vault, caller)
  const { grant } = await admit(vault, caller, {
    action: 'key.rotate',
    resource: { known: true },
    ...(input.second ? { second: input.second } : {}),
    detail: { step: 'begin' },
  })
  try {
    const { epochs } = await noteEpochs(vault, tenant.id)
    const flipped = await vault.keyring.beginEpoch(grant, tenant.id)
    const settlement = await settle(vault, grant, { out: 'done', detail: { ...flipped } })
    const nowMs = vault.clock.nowMs()
    const before = epochs.find(({ epoch, state }) => epoch === flipped.from && state === 'active')
    // Where another process noted the flip in between, its account stands.
    await vault.ledger.commit(settlement, [
      ...(before ? [endedAt(before, nowMs)] : []),
      inserted({ tenant: tenant.id, epoch: flipped.to, state: 'active', activeAtMs: nowMs, version: 1 }),
    ])
    return flipped
  } catch (error) {
    if (isLive(grant)) await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}
