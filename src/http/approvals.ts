import { z } from 'zod'
import { type ApprovableAction, approvable } from '../domain/approval.ts'
import { parseApprovalId } from '../domain/ids.ts'
import { answerPage } from './lists.ts'
import { guarded } from './route.ts'
import { approvalId, approvalView, pageOf, paging } from './schemas.ts'

const approvals = '/v1/approvals'

const newApproval = z
  .strictObject({
    action: z.enum(Object.keys(approvable) as [ApprovableAction, ...ApprovableAction[]]),
    target: z
      .string()
      .min(1)
      .max(512)
      .meta({
        description: Object.entries(approvable)
          .map(([action, { target }]) => `${action}: ${target}`)
          .join(' · '),
      }),
  })
  .meta({ id: 'NewApproval' })

const vote = z.strictObject({ vote: z.enum(['grant', 'refuse']) }).meta({ id: 'Vote' })

export const askApprovalRoute = guarded({
  method: 'post',
  path: approvals,
  id: 'askApproval',
  action: 'approval.ask',
  summary: 'Ask another person to approve one action on one thing',
  description:
    'Vault-Purpose and Vault-Case are those that the action itself will name. Once it is granted, who asked repeats the action ' +
    'with Vault-Approval: once within a day, or, for looks, for an hour from the vote. By a vote of somebody who signed in by a ' +
    'token it is an hour in either case.',
  headers: ['Idempotency-Key', 'Vault-Purpose', 'Vault-Case'],
  body: { json: newApproval },
  answers: {
    201: { description: 'It waits for a vote.', schema: approvalView, headers: ['Location', 'Idempotent-Replayed'] },
  },
  refusals: ['purpose.missing', 'purpose.not-allowed', 'case.missing', 'ledger.conflict'],
  verb: async () => (await import('../access/ask-approval.ts')).askApproval,
  handle: async ({ vault }, { caller, body, reason, idempotency }, askApproval) => ({
    kind: 'answered',
    answered: await askApproval(vault, caller, { ...body, reason, idempotency }),
  }),
})

export const listApprovalsRoute = guarded({
  method: 'get',
  path: approvals,
  id: 'listApprovals',
  action: 'approval.read',
  summary: 'Approvals in one state, oldest first',
  query: z.strictObject({
    ...paging,
    state: z
      .enum(['pending', 'granted', 'refused', 'used'])
      .optional()
      .transform(value => value ?? 'pending'),
  }),
  answers: { 200: { description: 'Approvals of the platform.', schema: pageOf(approvalView, 'ApprovalPage') } },
  refusals: ['cursor.invalid'],
  verb: async () => (await import('../access/read-approvals.ts')).listApprovals,
  handle: (door, asked, listApprovals) => {
    const { state } = asked.query
    return answerPage(door, asked, { route: approvals, filter: { state }, parse: parseApprovalId }, page =>
      listApprovals(door.vault, asked.caller, { state, ...page }),
    )
  },
})

export const describeApprovalRoute = guarded({
  method: 'get',
  path: '/v1/approvals/{id}',
  id: 'describeApproval',
  action: 'approval.read',
  summary: 'One approval',
  params: z.strictObject({ id: approvalId }),
  answers: { 200: { description: 'The approval.', schema: approvalView } },
  refusals: ['approval.unknown'],
  verb: async () => (await import('../access/read-approvals.ts')).describeApproval,
  handle: async ({ vault }, { caller, params: { id } }, describeApproval) => ({
    kind: 'json',
    body: await describeApproval(vault, caller, { id }),
  }),
})

export const voteApprovalRoute = guarded({
  method: 'post',
  path: '/v1/approvals/{id}/votes',
  id: 'voteApproval',
  action: 'approval.vote',
  summary: 'Grant or refuse what another person asks for',
  description:
    'One vote, by a person other than the one who asked, who may do the same by role. Repeating it changes nothing.',
  params: z.strictObject({ id: approvalId }),
  body: { json: vote },
  answers: { 201: { description: 'The vote stands.', schema: approvalView } },
  refusals: ['approval.unknown', 'approval.own', 'approval.voted', 'approval.ended', 'role.second-person'],
  verb: async () => (await import('../access/vote-approval.ts')).voteApproval,
  handle: async ({ vault }, { caller, params: { id }, body }, voteApproval) => ({
    kind: 'json',
    status: 201,
    body: await voteApproval(vault, caller, { id, grant: body.vote === 'grant' }),
  }),
})
