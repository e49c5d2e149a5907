import type { Grant } from '../domain/grant.ts'
import type { TenantId } from '../domain/ids.ts'

/** One encrypted data key, as in an AWS Encryption SDK header. */
export interface EncryptedDataKey {
  readonly provider: string
  /** Bytes; for KMS the UTF-8 of the key ARN. */
  readonly info: Uint8Array
  readonly blob: Uint8Array
}

/** The wrapped data key of one document, one row of the store. */
export interface WrappedKey {
  /** `doc/<messageId>`. */
  readonly id: string
  readonly tenant: TenantId
  readonly document: string
  /** Which wrapping key the edks are under. */
  readonly epoch: string
  readonly edks: readonly EncryptedDataKey[]
  readonly createdAtMs: number
  /** Where the entry stands that tells what it was wrapped anew to; absent while it is as it was stored. */
  readonly rewrapped?: { readonly log: string; readonly index: number }
}

/** What a row becomes when its data key is wrapped anew. */
export type Rewrapped = Pick<WrappedKey, 'epoch' | 'edks'> & Required<Pick<WrappedKey, 'rewrapped'>>

/**
 * Wrapped data keys, in a store of their own: destroying a row is the erasure.
 *
 * @throws {VaultError} keys.unavailable - the store did not answer within 2 s, or could not empty its log yet: repeat
 * @throws {VaultError} storage.full - no room for a write
 */
export interface WrappedKeys {
  /**
   * Once each: 'exists' leaves the row that is there. Durable when it resolves.
   * @throws {VaultError} keys.unavailable - with the detail `epoch.closed`: this epoch takes no row any more
   */
  put(by: Grant, key: WrappedKey): Promise<'stored' | 'exists'>
  get(id: string): Promise<WrappedKey | undefined>
  /** Under which epoch each of at most 1,000 rows is, by id; without those that are not there. */
  epochsOf(ids: readonly string[]): Promise<ReadonlyMap<string, string>>
  /** One conditional replacement of a row that is there under `expectedEpoch`; never inserts. */
  replace(by: Grant, id: string, expectedEpoch: string, next: Rewrapped): Promise<boolean>
  /**
   * Resolves when the bytes of these rows are gone from every file of the store; absent ids are success. At most 1,000.
   * @returns under which epoch each row was that was there, by id: the one it was destroyed under, whatever was known before
   */
  destroy(by: Grant, ids: readonly string[]): Promise<ReadonlyMap<string, string>>
  /** Ascending by id, strictly after `after`; across tenants, for `check` and the sweep of orphans. */
  list(page: { readonly after?: string; readonly limit: number }): Promise<readonly WrappedKey[]>
  /** Rows of one tenant under one epoch, ascending by id, strictly after `after`; costs nothing for the others. */
  listUnder(
    epoch: string,
    tenant: TenantId,
    page: { readonly after?: string; readonly limit: number },
  ): Promise<readonly WrappedKey[]>
  /** How many rows are under the epoch: of one tenant, or of all. */
  countUnder(epoch: string, tenant?: TenantId): Promise<number>
  /**
   * From then on `put` refuses this epoch for this tenant, in every process; may be repeated. A `put` that was under way either
   * fails or has left its row where `listUnder` finds it. `replace` is not refused.
   */
  closeEpoch(by: Grant, epoch: string, tenant: TenantId): Promise<void>
}
