import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { PurgeRunId } from '../domain/ids.ts'
import { type PurgeRun, purgeLimits } from '../domain/purge-run.ts'
import { type PurgeItemView, type PurgeRunView, viewItem, viewRun } from '../domain/purge-view.ts'
import { observe } from '../guards/admit.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Vault } from '../guards/vault.ts'

export interface PurgeRunPage {
  readonly items: readonly PurgeRunView[]
  /** Give it as `after` to go on; absent on the last page. */
  readonly next?: string
}

/**
 * The runs of the caller's tenant, newest first.
 *
 * @throws {VaultError} role.not-allowed - refused, on record
 */
export async function listPurgeRuns(
  vault: Vault,
  caller: Caller,
  input: { readonly after?: PurgeRunId; readonly limit: number },
): Promise<PurgeRunPage> {
  const tenant = tenantOf(vault, caller)
  await observe(vault, caller, { action: 'purge.read', resource: { known: true } })
  const page = { limit: input.limit + 1, ...(input.after === undefined ? {} : { after: input.after }) }
  const found = await vault.ledger.listRuns(tenant.id, page)
  const items = found.slice(0, input.limit)
  const last = found.length > input.limit ? items.at(-1) : undefined
  const nowMs = vault.clock.nowMs()
  return { items: items.map(run => viewRun(run, nowMs)), ...(last ? { next: last.id } : {}) }
}

/**
 * One run with its progress.
 *
 * @throws {VaultError} purge.unknown - this tenant has no such run
 */
export async function describePurgeRun(vault: Vault, caller: Caller, id: PurgeRunId): Promise<PurgeRunView> {
  return viewRun(await observedRun(vault, caller, id), vault.clock.nowMs())
}

export interface PurgeItemPage {
  readonly items: readonly PurgeItemView[]
  /** Give it as `after` to go on; absent on the last page. */
  readonly next?: string
}

/**
 * The exact list of a run in its order, with what became of each item so far.
 *
 * @param input.after how many items to leave out
 * @throws {VaultError} purge.unknown - this tenant has no such run
 */
export async function listPurgeItems(
  vault: Vault,
  caller: Caller,
  input: { readonly run: PurgeRunId; readonly after?: number; readonly limit: number },
): Promise<PurgeItemPage> {
  const run = await observedRun(vault, caller, input.run)
  const from = input.after ?? 0
  const until = Math.min(from + input.limit, run.count)
  const first = Math.floor(from / purgeLimits.itemsPerPage)
  const pages = Math.floor(Math.max(from, until - 1) / purgeLimits.itemsPerPage) - first + 1
  const found = await vault.ledger.listPages(run.tenant, run.id, { after: first - 1, limit: pages })
  const skipped = first * purgeLimits.itemsPerPage
  const items = found.flatMap(page => page.items).slice(from - skipped, until - skipped)
  return { items: items.map(viewItem), ...(until < run.count ? { next: String(until) } : {}) }
}

async function observedRun(vault: Vault, caller: Caller, id: PurgeRunId): Promise<PurgeRun> {
  const tenant = tenantOf(vault, caller)
  const run = await vault.ledger.findRun(tenant.id, id)
  await observe(vault, caller, {
    action: 'purge.read',
    resource: { known: run !== undefined, unknownCode: 'purge.unknown' },
    ...(run ? { detail: { run: run.id } } : {}),
  })
  if (!run) throw new VaultError('purge.unknown')
  return run
}
