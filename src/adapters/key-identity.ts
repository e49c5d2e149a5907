import { timingSafeEqual } from 'node:crypto'
import { apiKeyMacMessage, apiKeyPattern, type Caller } from '../domain/caller.ts'
import type { TenantId } from '../domain/ids.ts'
import type { Tenant } from '../domain/tenant.ts'
import type { Identity } from '../ports/identity.ts'
import type { Keyring } from '../ports/keyring.ts'
import type { Ledger } from '../ports/ledger.ts'

export interface KeyIdentityOptions {
  readonly ledger: Pick<Ledger, 'findApiKey'>
  readonly keyring: Pick<Keyring, 'mac'>
  /** When given, a key of a tenant that is not configured is not in force. */
  readonly tenants?: ReadonlyMap<TenantId, Tenant>
}

const longest = 4_096
/** Looked up and hashed in place of a credential that is not one, so that it costs the same; no key can have this id. */
const decoy = { keyId: '----------------', secret: '-'.repeat(43) }
const noMac = Buffer.alloc(32)

/**
 * API keys `kv_<keyId>_<secret>` out of the ledger. Every credential takes one look-up, one keyed hash and one comparison in
 * constant time, whether it is well formed, known, revoked or none of these.
 */
export class KeyIdentity implements Identity {
  readonly #options: KeyIdentityOptions

  constructor(options: KeyIdentityOptions) {
    this.#options = options
  }

  async identify(credential: string, requestId: string): Promise<Caller | undefined> {
    const { ledger, keyring, tenants } = this.#options
    const match = credential.length <= longest ? apiKeyPattern.exec(credential) : null
    const { keyId, secret } = match ? { keyId: match[1] ?? '', secret: match[2] ?? '' } : decoy
    const key = await ledger.findApiKey(keyId)
    const mac = await keyring.mac('door', apiKeyMacMessage(keyId, secret))
    const stored = key ? Buffer.from(key.secretMac, 'base64url') : noMac
    const equal = stored.length === mac.length && timingSafeEqual(stored, mac)
    if (!equal || !match || !key || key.revokedAtMs !== undefined) return undefined
    if (tenants && !tenants.has(key.tenant)) return undefined
    return {
      kind: key.kind,
      id: key.person,
      tenant: key.tenant,
      // The role of the vault itself cannot be carried by a key, whatever its row says.
      roles: key.roles.filter(role => role !== 'system'),
      auth: 'key',
      credential: key.keyId,
      requestId,
    }
  }

  async issuersOf(): Promise<readonly string[]> {
    return []
  }
}
