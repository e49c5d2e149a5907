import type { Caller } from '../domain/caller.ts'
import { type DenialView, type DeniedToken, denialIdOf, tokenLimits, viewDenial } from '../domain/denied-token.ts'
import { VaultError } from '../domain/errors.ts'
import { admit, close, codeOf } from '../guards/admit.ts'
import { type Beside, besideIn } from '../guards/beside.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'

export interface TokenToDeny {
  /** The `iss` claim of an issuer of the caller's tenant. */
  readonly issuer: string
  /** The `sub` claim. */
  readonly subject: string
  /** The `jti` claim; absent for every token of the subject that was issued up to now. */
  readonly tokenId?: string
}

/**
 * Takes one token, or every token of a subject that there is, out of force at the caller's tenant, from the next request on.
 * Denying again changes nothing but the time up to which tokens are denied.
 *
 * @param input.second, input.approval the second person, beside the caller or by their vote
 * @throws {VaultError} field.invalid - no issuer of this tenant; a slip must not look like a denial
 * @throws {VaultError} role.second-person - nobody stands beside the caller, or nobody who may
 * @throws {VaultError} ledger.conflict - somebody else denied the same at the same time
 */
export async function denyToken(vault: Vault, caller: Caller, input: TokenToDeny & Beside): Promise<DenialView> {
  const tenant = tenantOf(vault, caller)
  const { issuer, subject, tokenId } = input
  const what = { issuer, login: subject, token: tokenId ?? '*' }
  const { grant } = await admit(vault, caller, {
    action: 'caller.manage',
    resource: { known: true },
    ...besideIn(input),
    target: `token/${denialIdOf(issuer, subject, tokenId)}`,
    detail: { deny: true, ...what },
    refuse: async () => {
      const allowed = await vault.identity.issuersOf(tenant.id)
      return allowed.includes(issuer) ? undefined : { code: 'field.invalid', facts: { field: 'issuer', allowed } }
    },
  })
  try {
    const id = denialIdOf(issuer, subject, tokenId)
    const known = await vault.ledger.findDenials(tenant.id, { issuer, subject, tokenId: tokenId ?? '*' })
    const expected = known.find(denial => denial.id === id)?.version ?? 0
    const nowMs = vault.clock.nowMs()
    const put: DeniedToken = {
      id,
      tenant: tenant.id,
      issuer,
      subject,
      ...(tokenId === undefined ? {} : { tokenId }),
      deniedAtMs: nowMs,
      expiresAtMs: nowMs + tokenLimits.denialKeptMs,
      version: expected + 1,
    }
    const committed = await vault.ledger.commit(grant, [{ row: 'denied-token', expected, put }])
    if (!committed.done) throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
    await close(vault, grant, { out: 'done' })
    return viewDenial(put)
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}
