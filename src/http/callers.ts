import { z } from 'zod'
import { answerPage } from './lists.ts'
import { guarded } from './route.ts'
import { addedCaller, callerView, keyId, newCaller, pageOf, paging } from './schemas.ts'

const callers = '/v1/callers'

export const listCallersRoute = guarded({
  method: 'get',
  path: callers,
  id: 'listCallers',
  action: 'caller.read',
  summary: 'The API keys of the platform, revoked ones included; never a secret',
  query: z.strictObject(paging),
  answers: { 200: { description: 'By key id.', schema: pageOf(callerView, 'CallerPage') } },
  refusals: ['cursor.invalid'],
  verb: async () => (await import('../access/list-callers.ts')).listCallers,
  handle: (door, asked, listCallers) =>
    answerPage(door, asked, { route: callers, filter: {}, parse: position => position }, page =>
      listCallers(door.vault, asked.caller, page),
    ),
})

export const addCallerRoute = guarded({
  method: 'post',
  path: callers,
  id: 'addCaller',
  action: 'caller.manage',
  summary: 'Make an API key; a second person stands beside',
  description:
    'The key is in this answer and nowhere else. A repeated request makes another key, so no key is replayed.',
  headers: ['Vault-Second-Authorization', 'Vault-Approval'],
  body: { json: newCaller },
  answers: { 201: { description: 'The key, once.', schema: addedCaller } },
  refusals: ['caller.exists'],
  verb: async () => (await import('../access/add-caller.ts')).addCaller,
  handle: async ({ vault }, { caller, beside, body }, addCaller) => ({
    kind: 'json',
    status: 201,
    body: await addCaller(vault, caller, { ...body, ...beside }),
  }),
})

export const revokeCallerRoute = guarded({
  method: 'post',
  path: '/v1/callers/{keyId}/revoke',
  id: 'revokeCaller',
  action: 'caller.manage',
  summary: 'End an API key, from its next request on; a second person stands beside',
  params: z.strictObject({ keyId }),
  headers: ['Vault-Second-Authorization', 'Vault-Approval'],
  answers: { 200: { description: 'It is revoked.', schema: callerView } },
  refusals: ['caller.unknown', 'ledger.conflict'],
  verb: async () => (await import('../access/revoke-caller.ts')).revokeCaller,
  handle: async ({ vault }, { caller, beside, params }, revokeCaller) => ({
    kind: 'json',
    body: await revokeCaller(vault, caller, { keyId: params.keyId, ...beside }),
  }),
})
