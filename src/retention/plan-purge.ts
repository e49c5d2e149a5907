import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { PurgeRunId } from '../domain/ids.ts'
import { type PurgeItem, type PurgePage, type PurgeRun, purgeLimits } from '../domain/purge-run.ts'
import { viewRun } from '../domain/purge-view.ts'
import type { Tenant } from '../domain/tenant.ts'
import { admit, close, codeOf, type Refusal } from '../guards/admit.ts'
import {
  type Answered,
  answerKeyOf,
  type Claim,
  doneAnswer,
  type Idempotency,
  isRepeated,
  keyedHash,
  recall,
} from '../guards/idempotency.ts'
import { planHashOf } from '../guards/plan-hash.ts'
import { tenantOf } from '../guards/tenancy.ts'
import { newUuid7 } from '../guards/uuid7.ts'
import type { Vault } from '../guards/vault.ts'
import type { Change } from '../ports/ledger.ts'
import { refuseClock, retentionStateOf, stateChange, trustedTime } from './clock-trust.ts'
import { itemsDue } from './plan-items.ts'
import { reckonDue } from './reckon-due.ts'

const mostTries = 5

export interface PlanInput {
  /** Epoch ms, not in the future; now when absent. */
  readonly asOfMs?: number
  readonly signal: AbortSignal
  /** Told as the list grows. */
  readonly onProgress?: (items: number) => void
}

/**
 * Rehearses a purge for a person: the exact list of what is due, unheld, as of an instant, and of what is being destroyed
 * already, with a hash over it. Nothing is destroyed. An older open plan of the tenant becomes stale.
 *
 * @returns 202 with the run
 * @throws {VaultError} field.invalid - the instant is in the future
 * @throws {VaultError} purge.clock - the clock is not trusted; nothing changed
 * @throws {VaultError} purge.state - a run is being executed
 * @throws {VaultError} purge.over-cap - more than the tenant's policy allows at once; no plan is kept
 * @throws {VaultError} idempotency.conflict - the key was used for another plan
 * @throws {VaultError} ledger.conflict - another plan was made at the same time; safe to repeat
 */
export async function requestPlan(
  vault: Vault,
  caller: Caller,
  input: PlanInput & { readonly idempotency: Idempotency },
): Promise<Answered> {
  const tenant = tenantOf(vault, caller)
  const asked = [input.asOfMs === undefined ? 'now' : String(input.asOfMs)]
  const key = await answerKeyOf(vault, caller, input.idempotency)
  const fingerprint = await keyedHash(vault, 'vault/purge-plan/1', asked)
  const repeated = isRepeated(await vault.ledger.findAnswer(key), fingerprint, vault.clock.nowMs())
  return admitted(vault, caller, tenant, input, repeated, async (grant, asOfMs) => {
    const known = await recall(vault, tenant.id, key, fingerprint)
    if ('replay' in known) return { told: { again: true }, result: known.replay }
    const items = await listed(vault, grant, tenant, asOfMs, { ...input, quarantined: true })
    const run = await writeRun(vault, grant, { caller, tenant, asOfMs, items, claim: known.claim })
    return { told: toldOf(run), result: { ...answerOf(run, vault.clock.nowMs()), replayed: false } }
  })
}

/**
 * The same for the schedule, as the job of the purge. Papers whose destruction failed too often are left to a person's plan,
 * and an empty plan is not kept.
 *
 * @returns undefined where nothing is due
 * @throws {VaultError} as `requestPlan`
 */
export async function planPurge(vault: Vault, caller: Caller, input: PlanInput): Promise<PurgeRun | undefined> {
  const tenant = tenantOf(vault, caller)
  return admitted(vault, caller, tenant, input, false, async (grant, asOfMs) => {
    try {
      const items = await listed(vault, grant, tenant, asOfMs, { ...input, quarantined: false })
      const run = items.length === 0 ? undefined : await writeRun(vault, grant, { caller, tenant, asOfMs, items })
      await actedOn(vault, grant, tenant)
      return { told: run ? toldOf(run) : { count: 0 }, result: run }
    } catch (error) {
      if (codeOf(error) === 'purge.over-cap') await actedOn(vault, grant, tenant)
      throw error
    }
  })
}

/** The schedule's instant is over, also where the list was too long: what is to be done about that is for a person. */
async function actedOn(vault: Vault, grant: PlanGrant, tenant: Tenant): Promise<void> {
  const nowMs = await trustedTime(vault, tenant.id)
  for (let tries = 0; tries < mostTries; tries++) {
    const state = await retentionStateOf(vault, tenant)
    const learnt = { scheduledMs: nowMs, trustedMs: Math.max(state.trustedMs, nowMs) }
    if ((await vault.ledger.commit(grant, [stateChange(state, learnt)])).done) return
  }
}

type PlanGrant = Grant<'purge.plan'>
type Told = Readonly<Record<string, string | number | boolean>>

async function admitted<Result>(
  vault: Vault,
  caller: Caller,
  tenant: Tenant,
  input: PlanInput,
  repeated: boolean,
  plan: (grant: PlanGrant, asOfMs: number) => Promise<{ readonly told: Told; readonly result: Result }>,
): Promise<Result> {
  const asOfMs = input.asOfMs ?? vault.clock.nowMs()
  const { grant } = await admit(vault, caller, {
    action: 'purge.plan',
    resource: { known: true },
    detail: { asOf: new Date(asOfMs).toISOString() },
    refuse: () => (repeated ? undefined : refusePlan(vault, tenant, asOfMs)),
  })
  try {
    const { told, result } = await plan(grant, asOfMs)
    await close(vault, grant, { out: 'done', ...(told.again ? { why: 'replayed' } : { detail: told }) })
    return result
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}

async function refusePlan(vault: Vault, tenant: Tenant, asOfMs: number): Promise<Refusal | undefined> {
  if (asOfMs > vault.clock.nowMs()) return { code: 'field.invalid', facts: { field: 'asOf' } }
  const open = await vault.ledger.openRuns(tenant.id)
  if (open.some(({ state }) => state === 'executing')) return { code: 'purge.state', facts: { detail: 'executing' } }
  return refuseClock(vault, tenant.id)
}

async function listed(
  vault: Vault,
  grant: PlanGrant,
  tenant: Tenant,
  asOfMs: number,
  options: Omit<Parameters<typeof itemsDue>[4], 'most'>,
): Promise<readonly PurgeItem[]> {
  await reckonDue(vault, tenant, { signal: options.signal })
  const { maxPerRun } = tenant.purge
  const { items, count } = await itemsDue(vault, grant, tenant, asOfMs, { ...options, most: maxPerRun })
  if (count <= maxPerRun) return items
  throw new VaultError('purge.over-cap', { limit: maxPerRun, actual: count })
}

const toldOf = ({ id, planHash, count }: PurgeRun): Told => ({ run: id, hash: planHash, count })

function answerOf(run: PurgeRun, nowMs: number): Omit<Answered, 'replayed'> {
  return { status: 202, location: `/v1/purge-runs/${run.id}`, body: JSON.stringify(viewRun(run, nowMs)) }
}

interface Plan {
  readonly caller: Caller
  readonly tenant: Tenant
  readonly asOfMs: number
  readonly items: readonly PurgeItem[]
  readonly claim?: Claim
}

/** Pages first: no run names them before they are whole. Of two who plan at once one wins, by the tenant's one state. */
async function writeRun(
  vault: Vault,
  grant: PlanGrant,
  { caller, tenant, asOfMs, items, claim }: Plan,
): Promise<PurgeRun> {
  const nowMs = await trustedTime(vault, tenant.id)
  const pages = pagesOf(tenant, newUuid7(nowMs) as PurgeRunId, items)
  const run: PurgeRun = {
    id: pages.run,
    tenant: tenant.id,
    state: 'planned',
    asOfMs,
    planHash: await planHashOf(items),
    count: items.length,
    pages: pages.all.length,
    plannedBy: caller.id,
    plannedAtMs: nowMs,
    expiresAtMs: nowMs + purgeLimits.planLivesMs,
    destroyed: 0,
    spared: 0,
    failed: 0,
    version: 1,
  }
  for (const put of pages.all) {
    const committed = await vault.ledger.commit(grant, [{ row: 'page', expected: 0, put }])
    if (!committed.done) throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
  }
  for (let tries = 0; tries < mostTries; tries++) {
    const [state, open] = await Promise.all([retentionStateOf(vault, tenant), vault.ledger.openRuns(tenant.id)])
    if (open.some(other => other.state === 'executing')) throw new VaultError('purge.state', { detail: 'executing' })
    const committed = await vault.ledger.commit(grant, [
      stateChange(state, { trustedMs: Math.max(state.trustedMs, nowMs) }),
      ...open.map(older => staleChange(older, nowMs)),
      { row: 'run', expected: 0, put: run },
      ...(claim ? [doneAnswer(claim, answerOf(run, nowMs), nowMs)] : []),
    ])
    if (committed.done) return run
  }
  throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
}

function pagesOf(tenant: Tenant, run: PurgeRunId, items: readonly PurgeItem[]) {
  const all: PurgePage[] = []
  for (let at = 0; at < items.length; at += purgeLimits.itemsPerPage) {
    const some = items.slice(at, at + purgeLimits.itemsPerPage)
    all.push({ tenant: tenant.id, run, n: all.length, state: 'planned', items: some, version: 1 })
  }
  return { run, all }
}

/** A plan that nobody may act on any more. */
export function staleChange(run: PurgeRun, nowMs: number): Change {
  const put: PurgeRun = { ...run, state: 'stale', endedAtMs: nowMs, version: run.version + 1 }
  return { row: 'run', expected: run.version, put }
}
