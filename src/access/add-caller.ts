import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import { type CallerView, viewCaller } from '../domain/view.ts'
import { admit, close, codeOf } from '../guards/admit.ts'
import { type Beside, besideIn } from '../guards/beside.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'
import { type NewCaller, newKey } from './new-key.ts'

/** The key's text is in this answer and nowhere else: only a keyed hash is kept. */
export interface AddedCaller {
  readonly key: string
  readonly caller: CallerView
}

/**
 * Makes an API key of the caller's own tenant.
 *
 * @param input.second, input.approval the second person, beside the caller or by their vote
 * @throws {VaultError} role.second-person - nobody stands beside the caller, or nobody who may
 * @throws {VaultError} field.invalid - a role that this tenant does not use
 */
export async function addCaller(vault: Vault, caller: Caller, input: NewCaller & Beside): Promise<AddedCaller> {
  const tenant = tenantOf(vault, caller)
  const { grant } = await admit(vault, caller, {
    action: 'caller.manage',
    resource: { known: true },
    ...besideIn(input),
    target: `new-key/${input.person}/${input.kind}/${input.roles.join('+')}`,
    detail: { add: true },
    refuse: () => {
      const strange = input.roles.length === 0 || input.roles.some(role => !tenant.roles.includes(role))
      return strange ? { code: 'field.invalid', facts: { field: 'roles', allowed: tenant.roles } } : undefined
    },
  })
  try {
    const { text, row } = await newKey(vault, tenant.id, input)
    const committed = await vault.ledger.commit(grant, [{ row: 'key', expected: 0, put: row }])
    if (!committed.done) throw new VaultError('caller.exists')
    await close(vault, grant, { out: 'done', detail: { key: row.keyId, roles: row.roles } })
    return { key: text, caller: viewCaller(row) }
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}
