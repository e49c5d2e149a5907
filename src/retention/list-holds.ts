import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import { isInForce } from '../domain/hold.ts'
import { type HoldId, holdIdParts, type SubjectId, type SubjectReference, type TenantId } from '../domain/ids.ts'
import { type HoldView, viewHold } from '../domain/retention-view.ts'
import type { Subject } from '../domain/subject.ts'
import { observe } from '../guards/admit.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'

export interface HoldPage {
  readonly items: readonly HoldView[]
  /** Give it as `after` to go on; absent on the last page. */
  readonly next?: HoldId
}

interface HoldList {
  /** All holds of this subject, ended ones included; without it, those in force of every subject. */
  readonly reference?: SubjectReference
  readonly after?: HoldId
  readonly limit: number
}

/**
 * Holds of the tenant, or of one subject; ascending by the subject's uuid and by number.
 *
 * @throws {VaultError} subject.unknown - this tenant has no such subject
 * @throws {VaultError} role.not-allowed - refused, on record
 */
export async function listHolds(vault: Vault, caller: Caller, input: HoldList): Promise<HoldPage> {
  const tenant = tenantOf(vault, caller)
  const subject = input.reference === undefined ? undefined : await vault.ledger.findSubject(tenant.id, input.reference)
  await observe(vault, caller, {
    action: 'hold.list',
    resource: { known: input.reference === undefined || subject !== undefined, unknownCode: 'subject.unknown' },
    ...(subject ? { subject: subject.id } : {}),
  })
  const after = input.after === undefined ? undefined : holdIdParts(input.after)
  const limit = input.limit + 1
  const found = subject
    ? subject.holds.filter(({ n }) => n > (after?.n ?? 0)).map(hold => viewHold(subject, hold))
    : await heldAfter(vault, tenant.id, after, limit)
  const items = found.slice(0, input.limit)
  const last = found.length > input.limit ? items.at(-1) : undefined
  return { items, ...(last ? { next: last.id as HoldId } : {}) }
}

/** At least `limit` holds in force after the place, if there are as many: the rest of its subject's, then the next subjects'. */
async function heldAfter(
  vault: Vault,
  tenant: TenantId,
  after: { readonly subject: SubjectId; readonly n: number } | undefined,
  limit: number,
): Promise<readonly HoldView[]> {
  const first = after && (await vault.ledger.findSubjectById(tenant, after.subject))
  const found = first && after ? [...inForce(first, after.n)] : []
  let place = after?.subject
  while (found.length < limit) {
    const page = { limit, ...(place === undefined ? {} : { after: place }) }
    const subjects = await vault.ledger.heldSubjects(tenant, page)
    found.push(...subjects.flatMap(subject => inForce(subject, 0)))
    if (subjects.length < limit) break
    place = subjects.at(-1)?.id
  }
  return found
}

function inForce(subject: Subject, after: number): readonly HoldView[] {
  return subject.holds.filter(hold => hold.n > after && isInForce(hold)).map(hold => viewHold(subject, hold))
}

/**
 * One hold, in force or ended.
 *
 * @throws {VaultError} hold.unknown - this tenant has no such hold
 * @throws {VaultError} role.not-allowed - refused, on record
 */
export async function describeHold(vault: Vault, caller: Caller, { id }: { readonly id: HoldId }): Promise<HoldView> {
  const tenant = tenantOf(vault, caller)
  const { subject: subjectId, n } = holdIdParts(id)
  const subject = await vault.ledger.findSubjectById(tenant.id, subjectId)
  const hold = subject?.holds.find(other => other.n === n)
  await observe(vault, caller, {
    action: 'hold.list',
    resource: { known: hold !== undefined, unknownCode: 'hold.unknown' },
    detail: { hold: id },
    ...(hold && subject ? { subject: subject.id } : {}),
  })
  if (!hold || !subject) throw new VaultError('hold.unknown')
  return viewHold(subject, hold)
}
