import { type ApiKey, apiKeyMacMessage } from '../domain/caller.ts'
import type { PersonId, TenantId } from '../domain/ids.ts'
import type { Role } from '../domain/role.ts'
import { newApiKeyText } from '../guards/api-key-text.ts'
import type { Vault } from '../guards/vault.ts'

export interface NewCaller {
  readonly person: PersonId
  readonly kind: 'person' | 'service'
  readonly roles: readonly Role[]
}

/** A key's text, which whoever made it hands on and nobody keeps, and its row, which is not in force until it is committed. */
export interface NewKey {
  readonly text: string
  readonly row: ApiKey
}

/** Makes a key; nothing is written. */
export async function newKey(
  vault: Pick<Vault, 'keyring' | 'clock'>,
  tenant: TenantId,
  { person, kind, roles }: NewCaller,
): Promise<NewKey> {
  const { keyId, secret, text } = newApiKeyText()
  const mac = await vault.keyring.mac('door', apiKeyMacMessage(keyId, secret))
  const row: ApiKey = {
    keyId,
    tenant,
    person,
    kind,
    roles,
    secretMac: Buffer.from(mac.buffer, mac.byteOffset, mac.byteLength).toString('base64url'),
    createdAtMs: vault.clock.nowMs(),
    version: 1,
  }
  return { text, row }
}
