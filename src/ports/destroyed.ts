import type { Grant } from '../domain/grant.ts'
import type { DocumentId, MessageId, TenantId } from '../domain/ids.ts'

/** One document that was given up, and the entry of the trail after which its key was destroyed. */
export interface DestroyedMark {
  readonly tenant: TenantId
  readonly document: DocumentId
  /** Names its wrapped key and its blob. */
  readonly messageId: MessageId
  readonly atMs: number
  /** `leafHash` is base64url of SHA-256(00 || entry bytes). */
  readonly intent: { readonly log: string; readonly index: number; readonly leafHash: string }
  /** Destroyed anew after a restore whose ledger did not know the document: no row tells of it. */
  readonly rowless?: true
}

/**
 * The list of what was destroyed, in a place that no backup of the vault restores: beside the key file, or in the anchor
 * bucket. It is what a restored older backup is held against.
 *
 * @throws {VaultError} keys.unavailable - the list cannot be read or written; nothing may be destroyed
 */
export interface Destroyed {
  /**
   * Durable when it resolves, and before any key of these is destroyed; marks that are there already may stand twice. All are
   * of one tenant.
   */
  append(by: Grant, marks: readonly DestroyedMark[]): Promise<void>
  /**
   * Every mark, in no order.
   * @throws {VaultError} keys.unavailable - something was changed in the list, or cut off from it
   */
  list(): AsyncIterable<DestroyedMark>
  /**
   * What a start asks for: of each tenant the marks of its last append, and where all of these are without a row, those of the
   * last append before it that tells of rows. Its cost does not grow with the list.
   */
  newest(): Promise<readonly DestroyedMark[]>
}
