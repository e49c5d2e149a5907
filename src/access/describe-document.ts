import type { Caller } from '../domain/caller.ts'
import { isOwnOf } from '../domain/document.ts'
import { VaultError } from '../domain/errors.ts'
import type { DocumentId } from '../domain/ids.ts'
import { onlookerOf } from '../domain/retention-view.ts'
import { isAssigned } from '../domain/review.ts'
import { type DocumentView, isVisible, viewDocument } from '../domain/view.ts'
import { observe } from '../guards/admit.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'
import { isDue } from './due.ts'

/**
 * What the vault knows of a document, its content apart: also when it may be destroyed, on which basis, and what holds it. Of one that was destroyed the tombstone is told, with state `purged`.
 *
 * @throws {VaultError} document.unknown - this tenant has no such document
 * @throws {VaultError} role.* - refused, on record
 */
export async function describeDocument(
  vault: Vault,
  caller: Caller,
  { id }: { readonly id: DocumentId },
): Promise<DocumentView> {
  const tenant = tenantOf(vault, caller)
  const [found, review] = await Promise.all([
    vault.ledger.findDocument(tenant.id, id),
    vault.ledger.findReviewOf(tenant.id, id),
  ])
  const document = isVisible(found) ? found : undefined
  const subject = document && (await vault.ledger.findSubjectById(tenant.id, document.subject))
  const nowMs = vault.clock.nowMs()
  await observe(vault, caller, {
    action: 'document.describe',
    resource: {
      known: document !== undefined,
      unknownCode: 'document.unknown',
      own: document !== undefined && isOwnOf(document, caller.id),
      assigned: isAssigned(review, caller.id, nowMs),
      // Whatever is destroyed was due before.
      due: document !== undefined && (document.state === 'purged' || isDue(tenant, subject, document, nowMs)),
    },
    document: id,
    ...(document ? { subject: document.subject } : {}),
  })
  if (!document) throw new VaultError('document.unknown')
  return viewDocument(document, subject, review, onlookerOf(tenant, caller))
}
