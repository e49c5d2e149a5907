import type { ApiKey, Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import { type CallerView, viewCaller } from '../domain/view.ts'
import { admit, close, codeOf } from '../guards/admit.ts'
import { type Beside, besideIn } from '../guards/beside.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'

/**
 * Ends an API key of the caller's tenant, effective on its next request. Revoking one again changes nothing.
 *
 * @param input.second, input.approval the second person, beside the caller or by their vote
 * @throws {VaultError} caller.unknown - this tenant has no such key
 * @throws {VaultError} role.second-person - nobody stands beside the caller, or nobody who may
 */
export async function revokeCaller(
  vault: Vault,
  caller: Caller,
  input: { readonly keyId: string } & Beside,
): Promise<CallerView> {
  const tenant = tenantOf(vault, caller)
  const found = await vault.ledger.findApiKey(input.keyId)
  const key = found?.tenant === tenant.id ? found : undefined
  const { grant } = await admit(vault, caller, {
    action: 'caller.manage',
    resource: { known: key !== undefined, unknownCode: 'caller.unknown' },
    ...besideIn(input),
    target: `key/${input.keyId}`,
    detail: { add: false, key: key?.keyId ?? 'unknown' },
  })
  try {
    if (!key) throw new VaultError('caller.unknown')
    const revoked: ApiKey = {
      ...key,
      revokedAtMs: key.revokedAtMs ?? vault.clock.nowMs(),
      version: key.version + 1,
    }
    const committed = await vault.ledger.commit(grant, [{ row: 'key', expected: key.version, put: revoked }])
    if (!committed.done) throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
    await close(vault, grant, { out: 'done', detail: { key: key.keyId } })
    return viewCaller(revoked)
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}
