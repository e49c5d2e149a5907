import type { Grant } from '../domain/grant.ts'
import type { TenantId } from '../domain/ids.ts'
import type { KeyContext } from '../domain/key-context.ts'
import type { EncryptedDataKey } from './wrapped-keys.ts'

export type { KeyContext }

/** A data key, open and wrapped. */
export interface DataKey {
  /** 32 bytes in a buffer of its own; whoever asked wipes it. */
  readonly plaintextKey: Uint8Array
  readonly edks: readonly EncryptedDataKey[]
  readonly epoch: string
}

/** A data key wrapped anew. */
export type RewrappedKey = Omit<DataKey, 'plaintextKey'>

/** Which wrapping keys a tenant's data keys are and were under. */
export interface KeyEpochs {
  /** Wraps new data keys. */
  readonly active: string
  /** Others that this ring can still use; oldest first where that is known. */
  readonly former: readonly string[]
}

/**
 * Wraps data keys. Never falls back to another key.
 *
 * @throws {VaultError} keys.unavailable - the key service or file does not answer
 */
export interface Keyring {
  /** A fresh key, never seen before, wrapped under the active epoch in `context`. */
  newDataKey(by: Grant, context: KeyContext): Promise<DataKey>
  /**
   * 32 bytes in a buffer of its own; whoever asked wipes it.
   * @throws {VaultError} keys.refused - wrapped under another context, another or a destroyed key, or altered
   */
  unwrap(by: Grant, edks: readonly EncryptedDataKey[], context: KeyContext): Promise<Uint8Array>
  /**
   * Wraps the same data key under `toEpoch`, or the active epoch. The key is in nobody's hands meanwhile: KMS wraps it anew by
   * itself, a key file's adapter wipes it before this resolves.
   * @throws {VaultError} keys.refused - as `unwrap`, or `toEpoch` is none that may wrap
   */
  rewrap(by: Grant, edks: readonly EncryptedDataKey[], context: KeyContext, toEpoch?: string): Promise<RewrappedKey>
  /** As the ring knows it now: what another process flipped a moment ago may not be in it yet. */
  epochs(tenant: TenantId): Promise<KeyEpochs>
  /**
   * Begins an epoch: a new wrapping key for documents, active for every tenant that shares the one before, which from now on only
   * opens what it wrapped. Durable when it resolves; other processes notice by themselves.
   * @throws {VaultError} keys.rotating - an earlier flip is not at its end, or the key is none that this ring may replace
   */
  beginEpoch(by: Grant, tenant: TenantId): Promise<{ readonly from: string; readonly to: string }>
  /** From now on the key opens nothing, for nobody; may be repeated. It can still be undone by whoever holds the key. */
  disableEpoch(by: Grant, epoch: string): Promise<void>
  /**
   * Orders the end of a disabled key, for good; may be repeated.
   * @returns epoch ms from which on nothing it wrapped can be opened, by anybody, wherever a copy lies; undefined: from now on
   * @throws {VaultError} keys.refused - it is not disabled
   */
  endEpoch(by: Grant, epoch: string): Promise<number | undefined>
  /**
   * Whether the keys are this process's own: `beginEpoch` (once two persons asked for it), `disableEpoch` and `endEpoch` are its to
   * call by itself. Where KMS keeps the keys an operator does.
   */
  readonly ownsEpochs: boolean
  /**
   * HMAC-SHA-256, 32 bytes. `door` (API keys, idempotency, cursors) is local and takes microseconds; `blind-index` may be
   * a call to KMS, and takes at most 4,096 bytes.
   */
  mac(purpose: 'door' | 'blind-index', message: Uint8Array): Promise<Uint8Array>
  /** Resolves when a data key could be made and opened now. */
  ready(): Promise<void>
}
