import { z } from 'zod'
import { parsePurgeRunId } from '../domain/ids.ts'
import { answerPage } from './lists.ts'
import {
  certificateView,
  clockTrustView,
  newPurgeRun,
  purgeApproval,
  purgeItemView,
  purgeRunId,
  purgeRunView,
} from './purge-schemas.ts'
import { guarded } from './route.ts'
import { documentId, pageOf, paging } from './schemas.ts'

const runs = '/v1/purge-runs'
const items = '/v1/purge-runs/{id}/items'
const params = z.strictObject({ id: purgeRunId })

export const askPurgeRoute = guarded({
  method: 'post',
  path: runs,
  id: 'askPurge',
  action: 'purge.plan',
  summary: 'Rehearse a purge, or ask for the execution of one that was rehearsed',
  description:
    'plan lists exactly what is due, with a hash over the list, and destroys nothing; an older plan becomes stale. execute names ' +
    'that hash: within a minute the jobs look at each item again and destroy what is still due.',
  headers: ['Idempotency-Key'],
  body: { json: newPurgeRun },
  answers: {
    202: {
      description: 'The run, to be followed at its location.',
      schema: purgeRunView,
      headers: ['Location', 'Idempotent-Replayed'],
    },
  },
  refusals: ['purge.stale', 'purge.state', 'purge.over-cap', 'purge.clock', 'ledger.conflict'],
  verb: async () => ({
    requestPlan: (await import('../retention/plan-purge.ts')).requestPlan,
    requestPurge: (await import('../retention/request-purge.ts')).requestPurge,
  }),
  handle: async ({ vault }, { caller, body, idempotency, signal }, { requestPlan, requestPurge }) => {
    if (body.step === 'execute') {
      const { planHash } = body
      return { kind: 'answered', answered: await requestPurge(vault, caller, { planHash, idempotency }) }
    }
    const asOf = body.asOf === undefined ? {} : { asOfMs: body.asOf }
    return { kind: 'answered', answered: await requestPlan(vault, caller, { ...asOf, idempotency, signal }) }
  },
})

export const listPurgeRunsRoute = guarded({
  method: 'get',
  path: runs,
  id: 'listPurgeRuns',
  action: 'purge.read',
  summary: 'The purge runs of the platform',
  query: z.strictObject(paging),
  answers: { 200: { description: 'Newest first.', schema: pageOf(purgeRunView, 'PurgeRunPage') } },
  refusals: ['cursor.invalid'],
  verb: async () => (await import('../retention/read-purge-runs.ts')).listPurgeRuns,
  handle: (door, asked, listPurgeRuns) =>
    answerPage(door, asked, { route: runs, filter: {}, parse: parsePurgeRunId }, page =>
      listPurgeRuns(door.vault, asked.caller, page),
    ),
})

export const describePurgeRunRoute = guarded({
  method: 'get',
  path: '/v1/purge-runs/{id}',
  id: 'describePurgeRun',
  action: 'purge.read',
  summary: 'One purge run, with its progress',
  params,
  answers: { 200: { description: 'The run.', schema: purgeRunView } },
  refusals: ['purge.unknown'],
  verb: async () => (await import('../retention/read-purge-runs.ts')).describePurgeRun,
  handle: async ({ vault }, { caller, params: { id } }, describePurgeRun) => ({
    kind: 'json',
    body: await describePurgeRun(vault, caller, id),
  }),
})

export const listPurgeItemsRoute = guarded({
  method: 'get',
  path: items,
  id: 'listPurgeItems',
  action: 'purge.read',
  summary: 'The exact list of a purge run, with what became of each item',
  params,
  query: z.strictObject(paging),
  answers: { 200: { description: 'In the order of the plan.', schema: pageOf(purgeItemView, 'PurgeItemPage') } },
  refusals: ['purge.unknown', 'cursor.invalid'],
  verb: async () => (await import('../retention/read-purge-runs.ts')).listPurgeItems,
  handle: (door, asked, listPurgeItems) => {
    const { id: run } = asked.params
    return answerPage(door, asked, { route: items, filter: { run }, parse: Number }, page =>
      listPurgeItems(door.vault, asked.caller, { run, ...page }),
    )
  },
})

export const approvePurgeRoute = guarded({
  method: 'post',
  path: '/v1/purge-runs/{id}/approval',
  id: 'approvePurge',
  action: 'purge.approve',
  summary: 'Approve exactly this list, as another person than the one who planned it',
  params,
  body: { json: purgeApproval },
  answers: { 200: { description: 'It is approved.', schema: purgeRunView } },
  refusals: ['purge.unknown', 'purge.same-person', 'purge.stale', 'purge.state', 'ledger.conflict'],
  verb: async () => (await import('../retention/approve-purge.ts')).approvePurge,
  handle: async ({ vault }, { caller, params: { id }, body: { planHash } }, approvePurge) => ({
    kind: 'json',
    body: await approvePurge(vault, caller, { run: id, planHash }),
  }),
})

export const confirmClockRoute = guarded({
  method: 'post',
  path: '/v1/purge-clock/confirmation',
  id: 'confirmClock',
  action: 'purge.confirm-clock',
  summary: 'Say that the clock of the vault is right; a second person stands beside',
  description: 'After a leap of the clock nothing is destroyed until two people compared it with another.',
  headers: ['Vault-Second-Authorization', 'Vault-Approval'],
  answers: { 200: { description: 'The clock is trusted from now on.', schema: clockTrustView } },
  refusals: ['ledger.conflict'],
  verb: async () => (await import('../retention/confirm-clock.ts')).confirmClock,
  handle: async ({ vault }, { caller, beside }, confirmClock) => ({
    kind: 'json',
    body: await confirmClock(vault, caller, beside),
  }),
})

export const readCertificateRoute = guarded({
  method: 'get',
  path: '/v1/documents/{id}/certificate',
  id: 'readCertificate',
  action: 'document.describe',
  summary: 'What shows that a paper was destroyed, and from when on no copy of it opens',
  params: z.strictObject({ id: documentId }),
  answers: { 200: { description: 'The certificate.', schema: certificateView } },
  refusals: ['document.unknown', 'document.not-destroyed'],
  verb: async () => (await import('../retention/read-certificate.ts')).readCertificate,
  handle: async ({ vault }, { caller, params: { id } }, readCertificate) => ({
    kind: 'json',
    body: await readCertificate(vault, caller, { id }),
  }),
})
