import type { Caller } from '../domain/caller.ts'
import type { TenantId } from '../domain/ids.ts'

/** Credential to caller, read afresh on each request: revocation is effective on the next one. */
export interface Identity {
  /**
   * @param credential what followed `Bearer `, at most 4,096 characters
   * @returns undefined for anything that is not a credential in force; the time it takes tells nothing of why
   * @throws {VaultError} ledger.unavailable - the store of keys, or the deny list of tokens, does not answer
   * @throws {VaultError} issuer.unavailable - the keys of a token's issuer cannot be had, so nobody can say
   */
  identify(credential: string, requestId: string): Promise<Caller | undefined>

  /** The `iss` claims of the issuers whose tokens can be of this tenant; empty where only API keys are. */
  issuersOf(tenant: TenantId): Promise<readonly string[]>
}
