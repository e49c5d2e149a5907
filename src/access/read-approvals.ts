import type { ApprovalState } from '../domain/approval.ts'
import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { ApprovalId } from '../domain/ids.ts'
import { type ApprovalView, viewApproval } from '../domain/view.ts'
import { observe } from '../guards/admit.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'

export interface ApprovalPage {
  readonly items: readonly ApprovalView[]
  /** Give it as `after` to go on; absent on the last page. */
  readonly next?: ApprovalId
}

/**
 * Approvals of the tenant in one state as it is kept, oldest first; one whose time ran out shows as `ended`.
 *
 * @throws {VaultError} role.not-allowed - refused, on record
 */
export async function listApprovals(
  vault: Vault,
  caller: Caller,
  input: { readonly state: ApprovalState; readonly after?: ApprovalId; readonly limit: number },
): Promise<ApprovalPage> {
  const tenant = tenantOf(vault, caller)
  await observe(vault, caller, { action: 'approval.read', resource: { known: true } })
  const page = { limit: input.limit + 1, ...(input.after === undefined ? {} : { after: input.after }) }
  const found = await vault.ledger.listApprovals(tenant.id, input.state, page)
  const items = found.slice(0, input.limit)
  const last = found.length > input.limit ? items.at(-1) : undefined
  const nowMs = vault.clock.nowMs()
  return { items: items.map(approval => viewApproval(approval, nowMs)), ...(last ? { next: last.id } : {}) }
}

/**
 * One approval, for who asked for it, who votes on it, and who audits.
 *
 * @throws {VaultError} approval.unknown - this tenant has no such approval
 */
export async function describeApproval(
  vault: Vault,
  caller: Caller,
  { id }: { readonly id: ApprovalId },
): Promise<ApprovalView> {
  const tenant = tenantOf(vault, caller)
  const approval = await vault.ledger.findApproval(tenant.id, id)
  await observe(vault, caller, {
    action: 'approval.read',
    resource: { known: approval !== undefined, unknownCode: 'approval.unknown' },
    detail: { approval: id },
  })
  if (!approval) throw new VaultError('approval.unknown')
  return viewApproval(approval, vault.clock.nowMs())
}
