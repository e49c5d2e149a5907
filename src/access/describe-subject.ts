import type { Caller } from '../domain/caller.ts'
import type { Document } from '../domain/document.ts'
import { VaultError } from '../domain/errors.ts'
import type { SubjectReference } from '../domain/ids.ts'
import { onlookerOf } from '../domain/retention-view.ts'
import { deletionAskedSince, type Subject } from '../domain/subject.ts'
import { type PapersTold, type SubjectView, viewSubject } from '../domain/subject-view.ts'
import { observe } from '../guards/admit.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'

/** Papers that one answer to a request to be deleted tells of; the rest are in the list of papers, each with its day. */
const mostPapers = 500
const atOnce = 100

/**
 * What the vault knows of a subject; of one who asked to be deleted also what becomes of each paper, as things stand now.
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
  const asked = deletionAskedSince(subject) !== undefined
  return viewSubject(subject, onlookerOf(tenant, caller), asked ? await papersOf(vault, subject) : undefined)
}

/** Tombstones included. */
async function papersOf(vault: Vault, { tenant, id }: Subject): Promise<PapersTold> {
  const documents: Document[] = []
  while (documents.length < mostPapers) {
    const after = documents.at(-1)?.id
    const page = after === undefined ? { limit: atOnce } : { after, limit: atOnce }
    const found = await vault.ledger.listDocuments(tenant, id, page)
    documents.push(...found)
    if (found.length < atOnce) return { documents, more: false }
  }
  return { documents, more: true }
}
