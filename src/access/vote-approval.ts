import { isVotable, vote } from '../domain/approval.ts'
import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { ApprovalId } from '../domain/ids.ts'
import { mayStandBeside } from '../domain/permission.ts'
import { type ApprovalView, viewApproval } from '../domain/view.ts'
import { admit, close, codeOf } from '../guards/admit.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'

/**
 * Casts the one vote of an approval. Who asked has none, nor has one who could not do the same by role.
 *
 * @param input.grant false refuses it, for good
 * @returns the approval; a vote that is repeated by the same person is answered like the first
 * @throws {VaultError} approval.unknown - this tenant has no such approval
 * @throws {VaultError} approval.own - the caller asked for it, under whatever credential
 * @throws {VaultError} role.second-person - the caller does not hold the right that is asked for
 * @throws {VaultError} approval.voted - somebody voted before
 * @throws {VaultError} approval.ended - its time ran out
 */
export async function voteApproval(
  vault: Vault,
  caller: Caller,
  input: { readonly id: ApprovalId; readonly grant: boolean },
): Promise<ApprovalView> {
  const tenant = tenantOf(vault, caller)
  const approval = await vault.ledger.findApproval(tenant.id, input.id)
  const state = input.grant ? 'granted' : 'refused'
  const repeated = approval?.votedBy?.id === caller.id && approval.state === state
  const { grant } = await admit(vault, caller, {
    action: 'approval.vote',
    resource: { known: approval !== undefined, unknownCode: 'approval.unknown' },
    ...(approval ? { detail: { approval: approval.id, for: approval.action, grant: input.grant } } : {}),
    refuse: () => {
      if (!approval) return { code: 'approval.unknown' }
      if (approval.askedBy === caller.id) return { code: 'approval.own' }
      const asker = { id: approval.askedBy, kind: 'person', tenant: tenant.id } as const
      if (!mayStandBeside(asker, caller, approval.action, tenant)) return { code: 'role.second-person' }
      if (repeated || isVotable(approval, vault.clock.nowMs())) return undefined
      return { code: approval.state === 'pending' ? 'approval.ended' : 'approval.voted' }
    },
  })
  try {
    if (!approval) throw new VaultError('approval.unknown')
    const nowMs = vault.clock.nowMs()
    const voted = repeated ? approval : vote(approval, input.grant, caller, nowMs)
    if (!repeated) {
      const committed = await vault.ledger.commit(grant, [{ row: 'approval', expected: approval.version, put: voted }])
      if (!committed.done) throw new VaultError('approval.voted')
    }
    await close(vault, grant, { out: 'done', ...(repeated ? { why: 'replayed' as const } : {}) })
    return viewApproval(voted, nowMs)
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}
