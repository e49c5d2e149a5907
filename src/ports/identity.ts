import type { Caller } from '../domain/caller.ts'

/** Credential to caller, read afresh on each request: revocation is effective on the next one. */
export interface Identity {
  /**
   * @param credential what followed `Bearer `, at most 4,096 characters
   * @returns undefined for anything that is not a credential in force; the time it takes tells nothing of why
   * @throws {VaultError} ledger.unavailable - the store of keys does not answer
   */
  identify(credential: string, requestId: string): Promise<Caller | undefined>
}
