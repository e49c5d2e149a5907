import type { Grant, Settlement } from '../../../src/domain/grant.ts'
import type { Placed, Vault } from '../../../src/guards/vault.ts'

/** Never run: each line that ends in "refused" must be a type error, and no other line may be one (admit.test.ts). */
declare const vault: Vault
declare const intent: Placed
declare const opening: Grant<'document.open.original'>
declare const settlement: Settlement
declare const any: Grant

export const plain: Grant = { action: 'document.deposit', intent } // refused
export const branded: Grant = { granted: 'document.deposit', action: 'document.deposit', intent } // refused
export const spread: Grant<'document.deposit'> = { ...opening, action: 'document.deposit' } // refused
export const other: Grant<'document.deposit'> = opening // refused
export const settled: Settlement = { outcome: { log: 'omo7777/2026', index: 1 } } // refused
export const reborn: Grant = settlement // refused
export const bare = vault.ledger.commit({ intent }, []) // refused
export const absent = vault.ledger.commit(undefined, []) // refused
export const unwrapped = vault.keyring.unwrap(settlement, [], {}) // refused
export const stored = vault.blobs.put({}, 'v1/00/00', [], AbortSignal.abort()) // refused

export const wider: Grant = opening
export const committed = vault.ledger.commit(any, [])
export const closed = vault.ledger.commit(settlement, [])
