import type { TenantId } from '../domain/ids.ts'
import type { ProcessRole } from '../domain/process-role.ts'
import type { Vault } from '../guards/vault.ts'
import { answerDeletions } from '../retention/answer-deletions.ts'
import { continueEpochs, rewrapLease, rewrapLeaseMs, rewrapLogger } from '../upkeep/continue-epochs.ts'
import { countRefusals } from '../upkeep/count-refusals.ts'
import { forgetAnswers } from '../upkeep/forget-answers.ts'
import { forgetDenials } from '../upkeep/forget-denials.ts'
import { sweepDeposits } from '../upkeep/sweep-deposits.ts'
import { GrantSweep } from '../upkeep/sweep-grants.ts'
import { sweepOrphans } from '../upkeep/sweep-orphans.ts'
import { runPurgesOfAll } from './purge-turns.ts'
import type { Job } from './runner.ts'

const minuteMs = 60_000

/** The jobs of a process: work on its own memory is every process's, work on what all share is that of `jobs`. */
export function jobsOf(roles: readonly ProcessRole[]): readonly Job[] {
  const shared = roles.includes('jobs') ? allJobs() : allJobs().filter(({ leaseMs }) => leaseMs === undefined)
  return roles.includes('keys') ? [...shared, rewrapJob] : shared
}

/** Begins and goes on with what two persons asked for; where KMS keeps the keys, an operator's process begins and ends them. */
const rewrapJob: Job = {
  name: rewrapLease,
  everyMs: 5 * minuteMs,
  firstAfterMs: 2 * minuteMs,
  leaseMs: rewrapLeaseMs,
  run: (vault, signal) =>
    continueEpochs(vault, { signal, retire: vault.keyring.ownsEpochs, onProgress: rewrapLogger(vault) }),
}

function allJobs(): readonly Job[] {
  const grants = new GrantSweep()
  return [
    {
      name: 'count-refusals',
      everyMs: minuteMs,
      firstAfterMs: minuteMs,
      run: vault => countRefusals(vault),
    },
    {
      name: 'sweep-deposits',
      everyMs: minuteMs,
      firstAfterMs: 5_000,
      leaseMs: 5 * minuteMs,
      run: (vault, signal) => eachTenant(vault, signal, sweepDeposits),
    },
    {
      name: 'purge',
      everyMs: minuteMs,
      firstAfterMs: 10_000,
      leaseMs: 30 * minuteMs,
      run: runPurgesOfAll,
    },
    {
      name: 'answer-deletions',
      everyMs: 60 * minuteMs,
      firstAfterMs: 3 * minuteMs,
      leaseMs: 30 * minuteMs,
      run: (vault, signal) => eachTenant(vault, signal, async (...of) => (await answerDeletions(...of)).answered),
    },
    {
      name: 'sweep-grants',
      everyMs: 10 * minuteMs,
      firstAfterMs: minuteMs,
      leaseMs: 30 * minuteMs,
      run: (vault, signal) => grants.run(vault, signal),
    },
    {
      name: 'forget-answers',
      everyMs: 60 * minuteMs,
      firstAfterMs: 10 * minuteMs,
      leaseMs: 30 * minuteMs,
      run: (vault, signal) => eachTenant(vault, signal, forgetAnswers),
    },
    {
      name: 'forget-denials',
      everyMs: 60 * minuteMs,
      firstAfterMs: 15 * minuteMs,
      leaseMs: 30 * minuteMs,
      run: (vault, signal) => eachTenant(vault, signal, forgetDenials),
    },
    {
      name: 'sweep-orphans',
      everyMs: 24 * 60 * minuteMs,
      firstAfterMs: 30 * minuteMs,
      leaseMs: 6 * 60 * minuteMs,
      run: async (vault, signal) => {
        const { blobs, keys } = await sweepOrphans(vault, signal)
        return blobs + keys
      },
    },
  ]
}

async function eachTenant(
  vault: Vault,
  signal: AbortSignal,
  run: (vault: Vault, tenant: TenantId, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  let count = 0
  for (const tenant of vault.tenants.keys()) {
    if (!signal.aborted) count += await run(vault, tenant, signal)
  }
  return count
}
