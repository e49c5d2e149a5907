import type { Finding } from '../domain/finding.ts'
import type { Checked } from './checking.ts'

/** A tombstone is written soon after the mark of its paper; one that was broken off in between is marked again. */
const buriedWithinMs = 3_600_000

/**
 * The list of the destroyed is as new as the tombstones. An older one that was put back is whole in itself, and does not know what
 * to hold the next restore against.
 */
export async function* checkDestroyed({ ledger, destroyed }: Checked): AsyncGenerator<Finding, void> {
  const marks = Map.groupBy(await destroyed.newest(), ({ tenant }) => tenant)
  for (const tenant of await ledger.tenants()) {
    const newest = Math.max(...(marks.get(tenant) ?? []).map(({ atMs }) => atMs))
    const sinceMs = Number.isFinite(newest) ? newest + buriedWithinMs : 0
    if ((await ledger.countPurged(tenant, sinceMs)) > 0) yield { code: 'destroyed.unlisted', tenant }
  }
}
