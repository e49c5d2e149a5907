import type { Tenant } from '../domain/tenant.ts'
import type { Vault } from '../guards/vault.ts'

/** Longer than any batch takes, and renewed before each. */
const leaseMs = 10 * 60_000

const nameOf = ({ id }: Tenant): string => `purge/${id}`

/**
 * Takes or renews the right of this instance to destroy papers of a tenant, for ten minutes.
 * @returns its fencing number, which grows with each change of holder; undefined when another instance has it
 */
export function takePurgeLease({ ledger, instance, clock }: Vault, tenant: Tenant): Promise<number | undefined> {
  return ledger.takeLease(nameOf(tenant), instance, clock.nowMs(), leaseMs)
}

/** Gives it back, if it is this instance's still. */
export function dropPurgeLease({ ledger, instance }: Vault, tenant: Tenant): Promise<void> {
  return ledger.dropLease(nameOf(tenant), instance)
}
