import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import { type DocumentId, parseSubjectId, type SubjectId, type SubjectReference } from '../domain/ids.ts'
import { type HoldView, onlookerOf, viewHold } from '../domain/retention-view.ts'
import type { Subject } from '../domain/subject.ts'
import { type SubjectView, viewSubject } from '../domain/subject-view.ts'
import type { Tenant } from '../domain/tenant.ts'
import { type DocumentView, isVisible, viewDocument } from '../domain/view.ts'
import { observe } from '../guards/admit.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'

/** All that is kept of a person, a page of papers at a time. */
export interface SubjectFile {
  readonly id: string
  /** Absent once the person is forgotten: then only tombstones are left. */
  readonly subject?: SubjectView
  /** When the tier was set, and who made the subject known here. */
  readonly tierAt?: string
  readonly openedBy?: string
  /** Ended ones included, by number. */
  readonly holds: readonly HoldView[]
  /** Papers in the order of arrival, tombstones included, each with its clock. */
  readonly items: readonly DocumentView[]
  readonly next?: DocumentId
}

/**
 * A person's whole file, under the platform's reference or, also once that is forgotten, under the uuid by which the trail and
 * the tombstones name the person. A reference that looks like a uuid is taken for a reference first.
 *
 * @throws {VaultError} subject.unknown - nothing was ever kept under this name, or under this reference no more
 * @throws {VaultError} role.not-allowed - refused, on record
 */
export async function readSubjectFile(
  vault: Vault,
  caller: Caller,
  input: { readonly name: SubjectReference; readonly after?: DocumentId; readonly limit: number },
): Promise<SubjectFile> {
  const tenant = tenantOf(vault, caller)
  const named = await nameIn(vault, tenant, input.name)
  const page = { limit: input.limit + 1, ...(input.after === undefined ? {} : { after: input.after }) }
  const [found, first] = named
    ? await Promise.all([
        vault.ledger.listDocuments(tenant.id, named.id, page),
        vault.ledger.listDocuments(tenant.id, named.id, { limit: 1 }),
      ])
    : [[], []]
  const isKnown = named !== undefined && (named.subject !== undefined || first.length > 0)
  await observe(vault, caller, {
    action: 'subject.file',
    resource: { known: isKnown, unknownCode: 'subject.unknown' },
    ...(isKnown ? { subject: named.id } : {}),
  })
  if (!isKnown) throw new VaultError('subject.unknown')
  const { id, subject } = named
  const listed = found.slice(0, input.limit)
  const shown = listed.filter(isVisible)
  const reviews = await Promise.all(shown.map(document => vault.ledger.findReviewOf(tenant.id, document.id)))
  const onlooker = onlookerOf(tenant, caller)
  const last = found.length > input.limit ? listed.at(-1) : undefined
  return {
    id,
    ...(subject
      ? {
          subject: viewSubject(subject, onlooker, { documents: shown, more: last !== undefined }),
          openedBy: subject.openedBy,
        }
      : {}),
    ...(subject?.tierAtMs ? { tierAt: new Date(subject.tierAtMs).toISOString() } : {}),
    holds: subject ? subject.holds.map(hold => viewHold(subject, hold)) : [],
    items: shown.map((document, at) => viewDocument(document, subject, reviews[at], onlooker)),
    ...(last ? { next: last.id } : {}),
  }
}

async function nameIn(
  vault: Vault,
  tenant: Tenant,
  name: SubjectReference,
): Promise<{ readonly id: SubjectId; readonly subject: Subject | undefined } | undefined> {
  const byReference = await vault.ledger.findSubject(tenant.id, name)
  if (byReference) return { id: byReference.id, subject: byReference }
  const id = parseSubjectId(name)
  return id && { id, subject: await vault.ledger.findSubjectById(tenant.id, id) }
}
