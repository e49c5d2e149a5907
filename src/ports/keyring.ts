import type { Grant } from '../domain/grant.ts'
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
   * HMAC-SHA-256, 32 bytes. `door` (API keys, idempotency, cursors) is local and takes microseconds; `blind-index` may be
   * a call to KMS, and takes at most 4,096 bytes.
   */
  mac(purpose: 'door' | 'blind-index', message: Uint8Array): Promise<Uint8Array>
  /** Resolves when a data key could be made and opened now. */
  ready(): Promise<void>
}
