import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { SubjectReference } from '../domain/ids.ts'
import { type SubjectView, viewSubject } from '../domain/view.ts'
import { observe } from '../guards/admit.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'

/**
 * What the vault knows of a subject.
 *
 * @throws {VaultError} subject.unknown - this tenant has no such subject
 * @throws {VaultError} role.* - refused, on record
 */
export async function describeSubject(
  vault: Vault,
  caller: Caller,
  { reference }: { readonly reference: SubjectReference },
): Promise<SubjectView> {
  const tenant = tenantOf(vault, caller)
  const subject = await vault.ledger.findSubject(tenant.id, reference)
  await observe(vault, caller, {
    action: 'subject.describe',
    resource: { known: subject !== undefined, unknownCode: 'subject.unknown', own: subject?.openedBy === caller.id },
    ...(subject ? { subject: subject.id } : {}),
  })
  if (!subject) throw new VaultError('subject.unknown')
  return viewSubject(subject)
}
