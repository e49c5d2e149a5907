import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { PurgeItem, PurgeRun } from '../domain/purge-run.ts'
import { viewRun } from '../domain/purge-view.ts'
import type { Tenant } from '../domain/tenant.ts'
import { admit, close, codeOf, type Refusal } from '../guards/admit.ts'
import {
  type Answered,
  answerKeyOf,
  doneAnswer,
  type Idempotency,
  isRepeated,
  keyedHash,
  recall,
} from '../guards/idempotency.ts'
import { tenantOf } from '../guards/tenancy.ts'
import { trustedTime } from '../guards/trusted-clock.ts'
import type { Vault } from '../guards/vault.ts'
import { refuseClock, retentionStateOf, stateChange } from './clock-trust.ts'
import { keepRuns, makeRun, type PlanGrant } from './keep-plan.ts'
import { type DueItems, itemsDue, type Listed } from './plan-items.ts'
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
    const { sure, late } = await listed(vault, grant, tenant, asOfMs, { ...input, quarantined: true })
    const items = uncapped(tenant, { items: [...sure.items, ...late.items], count: sure.count + late.count })
    const run = await makeRun(vault, grant, { caller, tenant, asOfMs, items })
    const answer = answerOf(run, vault.clock.nowMs())
    await keepRuns(vault, grant, tenant, [run], doneAnswer(known.claim, answer, vault.clock.nowMs()))
    return { told: toldOf(run), result: { ...answer, replayed: false } }
  })
}

/**
 * The same for the schedule, as the job of the purge. Papers whose destruction failed too often are left to a person's plan,
 * and an empty plan is not kept. What is due only by what was told late is a plan of its own, which waits until a person
 * approved it and keeps nothing else waiting; where it is over the cap no such plan is kept, and the log says so.
 *
 * @returns the plan that the schedule executes; undefined where nothing is due but what waits
 * @throws {VaultError} as `requestPlan`
 */
export async function planPurge(vault: Vault, caller: Caller, input: PlanInput): Promise<PurgeRun | undefined> {
  const tenant = tenantOf(vault, caller)
  return admitted(vault, caller, tenant, input, false, async (grant, asOfMs) => {
    try {
      const { sure, late } = await listed(vault, grant, tenant, asOfMs, { ...input, quarantined: false })
      const items = uncapped(tenant, sure)
      const plan = { caller, tenant, asOfMs }
      const run = items.length === 0 ? undefined : await makeRun(vault, grant, { ...plan, items })
      const waiting = waitingOf(vault, tenant, late)
      const apart = waiting.length === 0 ? undefined : await makeRun(vault, grant, { ...plan, items: waiting })
      const runs = [run, apart].filter(one => one !== undefined)
      if (runs.length > 0) await keepRuns(vault, grant, tenant, runs)
      await actedOn(vault, grant, tenant)
      const told = { ...(run ? toldOf(run) : { count: 0 }), ...(apart ? { waits: apart.id, late: apart.count } : {}) }
      return { told, result: run }
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
): Promise<DueItems> {
  await reckonDue(vault, tenant, { signal: options.signal })
  return itemsDue(vault, grant, tenant, asOfMs, { ...options, most: tenant.purge.maxPerRun })
}

function uncapped({ purge: { maxPerRun } }: Tenant, { items, count }: Listed): readonly PurgeItem[] {
  if (count <= maxPerRun) return items
  throw new VaultError('purge.over-cap', { limit: maxPerRun, actual: count })
}

/** One false message for each of many people must not keep the papers of all others beyond their day. */
function waitingOf({ log }: Vault, tenant: Tenant, late: Listed): readonly PurgeItem[] {
  if (late.count === 0) return []
  const isOverCap = late.count > tenant.purge.maxPerRun
  const facts = { job: 'purge', tenant: tenant.id, count: late.count, ...(isOverCap ? { code: 'purge.over-cap' } : {}) }
  log[isOverCap ? 'error' : 'warn']('papers wait for approval: they are due by what was told late', facts)
  return isOverCap ? [] : late.items
}

const toldOf = ({ id, planHash, count, late }: PurgeRun): Told => ({
  run: id,
  hash: planHash,
  count,
  ...(late === undefined ? {} : { late }),
})

function answerOf(run: PurgeRun, nowMs: number): Omit<Answered, 'replayed'> {
  return { status: 202, location: `/v1/purge-runs/${run.id}`, body: JSON.stringify(viewRun(run, nowMs)) }
}
