import type { DocumentId, TenantId } from '../../src/domain/ids.ts'
import { answerDeletions } from '../../src/retention/answer-deletions.ts'
import { approvePurge } from '../../src/retention/approve-purge.ts'
import { executePurge } from '../../src/retention/execute-purge.ts'
import { planPurge } from '../../src/retention/plan-purge.ts'
import { purgeCaller } from '../../src/retention/purge-caller.ts'
import { requestPurge } from '../../src/retention/request-purge.ts'
import { callerAs } from './house-work.ts'
import type { WrappedVault } from './vault-folder.ts'

const noSignal = new AbortController().signal

/**
 * One purge of a platform as its jobs and its people do it: what is under way goes on, requests to be deleted are answered, and
 * what is due is planned, approved where it has to be, and executed.
 *
 * @param approves whether a person approves this time that these papers go, of whom something was told late; whether they went is
 *   another question
 */
export async function purgeTenant(
  { vault, ports: { ledger } }: WrappedVault,
  tenant: TenantId,
  approves: (papers: readonly DocumentId[]) => boolean,
): Promise<void> {
  const job = purgeCaller(vault, tenant)
  const dpo = callerAs('dpo', 'dpo', tenant)
  for (const { id, state } of await ledger.openRuns(tenant)) {
    if (state === 'executing') await executePurge(vault, job, { run: id, signal: noSignal })
  }
  await answerDeletions(vault, tenant, noSignal)
  const run = await planPurge(vault, job, { signal: noSignal })
  const nowMs = vault.clock.nowMs()
  // One that nobody approved in its time stays open until there is another; nothing need be due any more.
  const late = (await ledger.openRuns(tenant)).find(
    one => one.state === 'planned' && one.late !== undefined && nowMs < one.expiresAtMs,
  )
  const pages = late ? await ledger.listPages(tenant, late.id, { limit: late.pages }) : []
  if (late && approves(pages.flatMap(({ items }) => items.map(({ document }) => document)))) {
    await approvePurge(vault, dpo, { run: late.id, planHash: late.planHash })
    await executePurge(vault, job, { run: late.id, signal: noSignal })
  }
  if (!run) return
  const { id, planHash } = run
  if (vault.tenants.get(tenant)?.purge.approval) await approvePurge(vault, dpo, { run: id, planHash })
  await requestPurge(vault, job, { planHash, idempotency: { scope: 'POST /v1/purge-runs', key: id } })
  await executePurge(vault, job, { run: id, signal: noSignal })
}
