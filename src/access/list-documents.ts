import type { Caller } from '../domain/caller.ts'
import { type Document, isOwnOf } from '../domain/document.ts'
import { VaultError } from '../domain/errors.ts'
import type { DocumentId, SubjectReference } from '../domain/ids.ts'
import { type Cell, matrix } from '../domain/permission.ts'
import { onlookerOf } from '../domain/retention-view.ts'
import type { Role } from '../domain/role.ts'
import type { Subject } from '../domain/subject.ts'
import { type DocumentView, isVisible, viewDocument } from '../domain/view.ts'
import { observe } from '../guards/admit.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'
import { isDue } from './due.ts'

const atOnce = 100

export interface DocumentPage {
  readonly items: readonly DocumentView[]
  /** Give it as `after` to go on; absent on the last page. */
  readonly next?: DocumentId
}

/**
 * The papers of one subject, ascending by id, which is the order of arrival. A caller who may see only their own, or only what is due,
 * gets those of each page, which may be none of it.
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
  const nowMs = vault.clock.nowMs()
  const sight: Readonly<Record<'own' | 'due', (document: Document) => boolean>> = {
    own: document => isOwnOf(document, caller.id),
    due: document => isDue(tenant, subject, document, nowMs),
  }
  const [own, due] = await Promise.all([
    subject?.openedBy === caller.id || hasAny(vault, caller, subject, 'own', sight.own),
    hasAny(vault, caller, subject, 'due', sight.due),
  ])
  const { scope } = await observe(vault, caller, {
    action: 'document.list',
    resource: { known: subject !== undefined, unknownCode: 'subject.unknown', own, due },
    ...(subject ? { subject: subject.id } : {}),
  })
  if (!subject) throw new VaultError('subject.unknown')
  const listed = found.slice(0, input.limit)
  const shown = listed.filter(isVisible).filter(scope === 'due' ? sight.due : scope === 'own' ? sight.own : () => true)
  const reviews = await Promise.all(shown.map(document => vault.ledger.findReviewOf(tenant.id, document.id)))
  const last = found.length > input.limit ? listed.at(-1) : undefined
  const onlooker = onlookerOf(tenant, caller)
  return {
    items: shown.map((document, at) => viewDocument(document, subject, reviews[at], onlooker)),
    ...(last ? { next: last.id } : {}),
  }
}

/** Whether the subject has such a paper, on whatever page; looked for only where one of the caller's roles sees no others. */
async function hasAny(
  vault: Vault,
  { roles }: Caller,
  subject: Subject | undefined,
  cell: Cell,
  isSuch: (document: Document) => boolean,
): Promise<boolean> {
  const row: Readonly<Partial<Record<Role, Cell>>> = matrix['document.list']
  if (!subject || !roles.some(role => row[role] === cell)) return false
  for (let after: DocumentId | undefined; ; ) {
    const page = after === undefined ? { limit: atOnce } : { after, limit: atOnce }
    const found = await vault.ledger.listDocuments(subject.tenant, subject.id, page)
    if (found.some(isSuch)) return true
    after = found.at(-1)?.id
    if (found.length < atOnce) return false
  }
}
