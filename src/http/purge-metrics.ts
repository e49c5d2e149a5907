import type { Gauge, Registry } from 'prom-client'
import { codeOf } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'
import { countedAtLeisure } from '../retention/counted-at-leisure.ts'
import { type PurgeFigures, purgeFigures } from '../retention/purge-figures.ts'
import { kept } from './kept.ts'

type Figured = Pick<Vault, 'ledger' | 'clock' | 'tenants' | 'log'>

const gauges: readonly (readonly [name: string, help: string, value: (figures: PurgeFigures) => number | undefined])[] =
  [
    ['vault_purge_due', 'Persons of whom a paper may be due.', ({ due }) => due],
    [
      'vault_purge_overdue',
      'Persons of whom a paper has been due for more than a day; any is an alert.',
      f => f.overdue,
    ],
    ['vault_purge_oldest_due_seconds', 'For how long the first of them has been due.', f => f.oldestDueSeconds],
    ['vault_purge_held', 'Persons with a hold in force.', ({ held }) => held],
    [
      'vault_purge_pending_certificates',
      'Certificates whose keys may lie in a backup still.',
      f => f.pendingCertificates,
    ],
    ['vault_purge_purging', 'Papers that are given up and not destroyed yet.', ({ purging }) => purging],
    ['vault_purge_quarantined', 'Papers that failed to be destroyed too often; any is an alert.', f => f.quarantined],
    [
      'vault_purge_policy_unknown',
      'Papers of a policy version that is not configured, never destroyed; any is an alert.',
      ({ policyUnknown }) => policyUnknown,
    ],
    [
      'vault_purge_clock_trusted',
      '0 while nothing is destroyed since the clock leapt; an alert.',
      f => Number(f.clockTrusted),
    ],
    [
      'vault_purge_last_done_timestamp_seconds',
      'When the newest purge run that is done ended, epoch seconds; no row before the first.',
      ({ lastDoneMs }) => (lastDoneMs === undefined ? undefined : lastDoneMs / 1_000),
    ],
  ]

/** How the purge of each tenant stands. A tenant whose figures cannot be had has no row, since 0 would be a lie. */
export function registerPurgeMetrics(make: typeof Gauge, registers: Registry[], vault: Figured): void {
  const countPurged = countedAtLeisure((...of) => vault.ledger.countPurged(...of))
  const told = kept(() => figuresOf(vault, countPurged))
  for (const [name, help, value] of gauges) {
    new make({
      name,
      help,
      labelNames: ['tenant'],
      registers,
      async collect() {
        this.reset()
        for (const [tenant, figures] of await told()) {
          const number = value(figures)
          if (number !== undefined) this.set({ tenant }, number)
        }
      },
    })
  }
}

async function figuresOf(
  vault: Figured,
  countPurged: Figured['ledger']['countPurged'],
): Promise<ReadonlyMap<string, PurgeFigures>> {
  const all = new Map<string, PurgeFigures>()
  for (const tenant of vault.tenants.values()) {
    try {
      all.set(tenant.id, await purgeFigures(vault, tenant, countPurged))
    } catch (error) {
      vault.log.warn('purge not counted', { tenant: tenant.id, code: codeOf(error) })
    }
  }
  return all
}
