import type { Caller } from '../domain/caller.ts'
import type { TenantId } from '../domain/ids.ts'
import type { Identity } from '../ports/identity.ts'

/**
 * API keys and tokens side by side: the form of a credential says which it can be, so that neither waits for the other, and
 * an issuer that does not answer takes no API key along.
 */
export class OidcBesideKeys implements Identity {
  readonly #keys: Identity
  readonly #tokens: Identity

  constructor(keys: Identity, tokens: Identity) {
    this.#keys = keys
    this.#tokens = tokens
  }

  identify(credential: string, requestId: string): Promise<Caller | undefined> {
    const asked = credential.startsWith('kv_') ? this.#keys : this.#tokens
    return asked.identify(credential, requestId)
  }

  issuersOf(tenant: TenantId): Promise<readonly string[]> {
    return this.#tokens.issuersOf(tenant)
  }
}
