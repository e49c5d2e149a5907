import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import { needsApproval, type PurgeRun } from '../domain/purge-run.ts'
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
import type { Vault } from '../guards/vault.ts'
import { refuseClock } from './clock-trust.ts'

const mostTries = 5

export interface RequestPurgeInput {
  /** Of the plan to be executed: the only thing that names it. */
  readonly planHash: string
  readonly idempotency: Idempotency
}

/**
 * Asks for the execution of a plan, by the hash of its list. Nothing is destroyed here: the jobs do it, within a minute. Asking
 * again while it is under way changes nothing.
 *
 * @returns 202 with the run
 * @throws {VaultError} purge.stale - no open plan has this hash, or its time is over
 * @throws {VaultError} purge.state - the platform, or what was told late, asks for another person's approval first
 * @throws {VaultError} purge.clock - the clock is not trusted; nothing changed
 */
export async function requestPurge(vault: Vault, caller: Caller, input: RequestPurgeInput): Promise<Answered> {
  const tenant = tenantOf(vault, caller)
  const key = await answerKeyOf(vault, caller, input.idempotency)
  const fingerprint = await keyedHash(vault, 'vault/purge-request/1', [input.planHash])
  const [open, earlier] = await Promise.all([openRunOf(vault, tenant, input.planHash), vault.ledger.findAnswer(key)])
  const repeated = isRepeated(earlier, fingerprint, vault.clock.nowMs())
  const { grant } = await admit(vault, caller, {
    action: 'purge.execute',
    resource: { known: true },
    detail: { hash: input.planHash, ...(open ? { run: open.id } : {}) },
    refuse: () => (repeated ? undefined : refuseRequest(vault, tenant, open)),
  })
  try {
    for (let tries = 0; tries < mostTries; tries++) {
      const known = await recall(vault, tenant.id, key, fingerprint)
      if ('replay' in known) {
        await close(vault, grant, { out: 'done', why: 'replayed' })
        return known.replay
      }
      const run = await openRunOf(vault, tenant, input.planHash)
      const refusal = await refuseRequest(vault, tenant, run)
      if (refusal || !run) throw new VaultError(refusal?.code ?? 'purge.stale', refusal?.facts)
      const nowMs = vault.clock.nowMs()
      const requested = requestedBy(run, caller)
      const answer = {
        status: 202,
        location: `/v1/purge-runs/${run.id}`,
        body: JSON.stringify(viewRun(requested, nowMs)),
      }
      const committed = await vault.ledger.commit(grant, [
        ...(requested === run ? [] : [{ row: 'run', expected: run.version, put: requested } as const]),
        doneAnswer(known.claim, answer, nowMs),
      ])
      if (!committed.done) continue
      await close(vault, grant, { out: 'done', detail: { run: run.id } })
      return { ...answer, replayed: false }
    }
    throw new VaultError('ledger.conflict', { retryAfterSeconds: 1 })
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}

/** The run as it is once its execution was asked for; the same where it was before. */
export function requestedBy(run: PurgeRun, { id }: Caller): PurgeRun {
  if (run.state === 'requested' || run.state === 'executing') return run
  return { ...run, state: 'requested', requestedBy: id, version: run.version + 1 }
}

async function openRunOf({ ledger }: Vault, tenant: Tenant, planHash: string): Promise<PurgeRun | undefined> {
  return (await ledger.openRuns(tenant.id)).find(run => run.planHash === planHash)
}

async function refuseRequest(vault: Vault, tenant: Tenant, run: PurgeRun | undefined): Promise<Refusal | undefined> {
  if (!run) return { code: 'purge.stale' }
  if (run.state === 'executing') return undefined
  if (run.expiresAtMs <= vault.clock.nowMs()) return { code: 'purge.stale' }
  if (run.state === 'planned' && needsApproval(run, tenant))
    return { code: 'purge.state', facts: { detail: 'planned' } }
  return refuseClock(vault, tenant.id)
}
