import type { EntryDraft } from '../domain/entry.ts'
import type { TenantId } from '../domain/ids.ts'
import type { Tenant } from '../domain/tenant.ts'
import type { Ports } from '../ports/ports.ts'
import type { Denials } from './denials.ts'

/** Where an entry stands, once it is durable. */
export interface Placed {
  readonly log: string
  readonly index: number
  /** The entry's own id, UUIDv7. */
  readonly id: string
  /** base64url of SHA-256(00 || entry bytes). */
  readonly leafHash: string
}

/** The writer of the trail as the verbs see it; guards/trail.ts is the one implementation. */
export interface TrailWriter {
  /**
   * Appends in order. The log is the tenant of each draft's caller, or `_vault`; all drafts of one call go to one log.
   * When it resolves every entry is durable.
   * @throws {VaultError} trail.unavailable - not acknowledged within 2 s, or the store refuses; nothing may take effect
   * @throws {VaultError} trail.diverged - the stored log does not follow from what this instance knows: all appends stop
   */
  append(drafts: readonly EntryDraft[]): Promise<readonly Placed[]>
}

/** What verbs run on: the ports behind the gate, the trail's writer, the tenants, the counters of refusals. */
export interface Vault extends Ports {
  readonly trail: TrailWriter
  readonly tenants: ReadonlyMap<TenantId, Tenant>
  readonly denials: Denials
  /** Reads a caller may make in one hour (`VAULT_READ_BUDGET`). */
  readonly readBudgetPerHour: number
  /** Opaque name of this process, in every entry it writes. */
  readonly instance: string
}
