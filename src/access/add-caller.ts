import type { ApiKey, Caller } from '../domain/caller.ts'
import { apiKeyMacMessage } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { PersonId, TenantId } from '../domain/ids.ts'
import type { Role } from '../domain/permission.ts'
import { type CallerView, viewCaller } from '../domain/view.ts'
import { admit, close, codeOf } from '../guards/admit.ts'
import { newApiKeyText } from '../guards/api-key-text.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'

export interface NewCaller {
  readonly person: PersonId
  readonly kind: 'person' | 'service'
  readonly roles: readonly Role[]
}

/** The key's text is in this answer and nowhere else: only a keyed hash is kept. */
export interface AddedCaller {
  readonly key: string
  readonly caller: CallerView
}

/**
 * Makes an API key of the caller's own tenant.
 *
 * @param input.second the second person who stands beside the caller
 * @throws {VaultError} role.second-person - nobody stands beside the caller, or nobody who may
 * @throws {VaultError} field.invalid - a role that this tenant does not use
 */
export async function addCaller(
  vault: Vault,
  caller: Caller,
  input: NewCaller & { readonly second?: Caller },
): Promise<AddedCaller> {
  const tenant = tenantOf(vault, caller)
  const { grant } = await admit(vault, caller, {
    action: 'caller.manage',
    resource: { known: true },
    ...(input.second ? { second: input.second } : {}),
    detail: { add: true },
    refuse: () => {
      const strange = input.roles.length === 0 || input.roles.some(role => !tenant.roles.includes(role))
      return strange ? { code: 'field.invalid', facts: { field: 'roles', allowed: tenant.roles } } : undefined
    },
  })
  try {
    const made = await keepNewKey(vault, grant, tenant.id, input)
    await close(vault, grant, { out: 'done', detail: { key: made.caller.keyId, roles: input.roles } })
    return made
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}

/** Makes one key and commits its row. */
export async function keepNewKey(
  vault: Vault,
  grant: Grant<'caller.manage' | 'caller.bootstrap'>,
  tenant: TenantId,
  { person, kind, roles }: NewCaller,
): Promise<AddedCaller> {
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
  const committed = await vault.ledger.commit(grant, [{ row: 'key', expected: 0, put: row }])
  if (!committed.done) throw new VaultError('caller.exists')
  return { key: text, caller: viewCaller(row) }
}
