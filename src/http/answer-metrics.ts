import type { Gauge, Registry } from 'prom-client'
import { codeOf } from '../guards/admit.ts'
import type { Vault } from '../guards/vault.ts'
import { countOverdueAnswers } from '../retention/answer-deletions.ts'
import { kept } from './kept.ts'

/** How many persons of each tenant wait too long for an answer. One that cannot be asked has no row: the others are needed then. */
export function registerAnswerMetrics(
  make: typeof Gauge,
  registers: Registry[],
  vault: Pick<Vault, 'ledger' | 'clock' | 'tenants' | 'log'>,
): void {
  const told = kept(async () => {
    const all = new Map<string, number>()
    for (const tenant of vault.tenants.values()) {
      try {
        all.set(tenant.id, await countOverdueAnswers(vault, tenant))
      } catch (error) {
        vault.log.warn('overdue answers not counted', { tenant: tenant.id, code: codeOf(error) })
      }
    }
    return all
  })
  new make({
    name: 'vault_deletion_answers_overdue',
    help: 'Persons who asked to be deleted and should have had their answer by now; any is an alert.',
    labelNames: ['tenant'],
    registers,
    async collect() {
      this.reset()
      for (const [tenant, count] of await told()) this.set({ tenant }, count)
    },
  })
}
