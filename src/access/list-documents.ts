import type { Caller } from '../domain/caller.ts'
import type { Document } from '../domain/document.ts'
import { VaultError } from '../domain/errors.ts'
import type { DocumentId, SubjectReference } from '../domain/ids.ts'
import type { Scope } from '../domain/permission.ts'
import { onlookerOf } from '../domain/retention-view.ts'
import { type DocumentView, isVisible, viewDocument } from '../domain/view.ts'
import { observe } from '../guards/admit.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'
import { isDue } from './due.ts'

export interface DocumentPage {
  readonly items: readonly DocumentView[]
  /** Give it as `after` to go on; absent on the last page. */
  readonly next?: DocumentId
}

/**
 * The papers of one subject, ascending by id, which is the order of arrival. A caller who may see only their own, or only what is due,
 * gets those.
 *
 * @throws {VaultError} subject.unknown - this tenant has no such subject
 * @throws {VaultError} role.* - refused, on record
 */
export async function listDocuments(
  vault: Vault,
  caller: Caller,
  input: { readonly reference: SubjectReference; readonly after?: DocumentId; readonly limit: number },
): Promise<DocumentPage> {
  const tenant = tenantOf(vault, caller)
  const subject = await vault.ledger.findSubject(tenant.id, input.reference)
  const page = { limit: input.limit + 1, ...(input.after === undefined ? {} : { after: input.after }) }
  const found = subject ? await vault.ledger.listDocuments(tenant.id, subject.id, page) : []
  const own = subject?.openedBy === caller.id || found.some(document => isOwn(document, caller))
  const nowMs = vault.clock.nowMs()
  const due = found.some(document => isDue(tenant, subject, document, nowMs))
  const { scope } = await observe(vault, caller, {
    action: 'document.list',
    resource: { known: subject !== undefined, unknownCode: 'subject.unknown', own, due },
    ...(subject ? { subject: subject.id } : {}),
  })
  if (!subject) throw new VaultError('subject.unknown')
  const listed = found.slice(0, input.limit)
  const shown = listed
    .filter(isVisible)
    .filter(document =>
      scope === 'due' ? isDue(tenant, subject, document, nowMs) : isInScope(document, caller, scope),
    )
  const reviews = await Promise.all(shown.map(document => vault.ledger.findReviewOf(tenant.id, document.id)))
  const last = found.length > input.limit ? listed.at(-1) : undefined
  const onlooker = onlookerOf(tenant, caller)
  return {
    items: shown.map((document, at) => viewDocument(document, subject, reviews[at], onlooker)),
    ...(last ? { next: last.id } : {}),
  }
}

function isInScope(document: Document, caller: Caller, scope: Scope): boolean {
  return scope === 'all' || isOwn(document, caller)
}

function isOwn(document: Document, caller: Caller): boolean {
  return document.state !== 'purged' && document.depositedBy === caller.id
}
