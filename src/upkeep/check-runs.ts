import type { Finding } from '../domain/finding.ts'
import type { PurgeRunId, TenantId } from '../domain/ids.ts'
import type { PurgeItem, PurgeRun } from '../domain/purge-run.ts'
import { planHashOf } from '../guards/plan-hash.ts'
import type { Page } from '../ports/ledger.ts'
import { everyItem } from './check-pages.ts'
import type { Checked, CheckOptions } from './checking.ts'

const dayMs = 86_400_000
const pagesAtOnce = 16

/** Each purge run has the list that its hash is over, ends, and destroyed what it says. */
export async function* checkRuns(
  vault: Checked,
  tenant: TenantId,
  { signal }: CheckOptions,
): AsyncGenerator<Finding, void> {
  const runs = everyItem(
    (page: Page<PurgeRunId>) => vault.ledger.listRuns(tenant, page),
    ({ id }) => id,
    signal,
  )
  for await (const run of runs) {
    const which = { tenant, run: run.id }
    const items = await itemsOf(vault, run)
    const detail = wrongField(run, items) ?? ((await planHashOf(items)) === run.planHash ? undefined : 'planHash')
    if (detail !== undefined) yield { code: 'run.malformed', ...which, detail }
    // A plan that began in time may be executed for long, but not for a day.
    if (run.state === 'executing' && run.expiresAtMs < vault.clock.nowMs() - dayMs)
      yield { code: 'run.overdue', ...which }
    for (const { document, outcome } of items) {
      if (outcome !== 'destroyed') continue
      const found = await vault.ledger.findDocument(tenant, document)
      if (found?.state !== 'purged') yield { code: 'run.differs', ...which, document }
    }
  }
}

async function itemsOf({ ledger }: Checked, run: PurgeRun): Promise<readonly PurgeItem[]> {
  const items: PurgeItem[] = []
  for (let after = -1; ; ) {
    const pages = await ledger.listPages(run.tenant, run.id, { after, limit: pagesAtOnce })
    for (const page of pages) items.push(...page.items)
    after += pages.length
    if (pages.length < pagesAtOnce) return items
  }
}

function wrongField(run: PurgeRun, items: readonly PurgeItem[]): string | undefined {
  const count = (...outcomes: readonly PurgeItem['outcome'][]): number =>
    items.filter(({ outcome }) => outcomes.includes(outcome)).length
  if (items.length !== run.count) return 'count'
  if (items.filter(({ waits }) => waits !== undefined).length !== (run.late ?? 0)) return 'late'
  if (count('destroyed') !== run.destroyed) return 'destroyed'
  if (count('failed') !== run.failed) return 'failed'
  if (count('held', 'early', 'late', 'changed', 'gone') !== run.spared) return 'spared'
  return run.state === 'done' && count(undefined) > 0 ? 'state' : undefined
}
