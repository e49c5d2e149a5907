import type { Finding } from '../domain/finding.ts'
import type { TenantId } from '../domain/ids.ts'
import type { DestroyedMark } from '../ports/destroyed.ts'
import type { Checked } from './checking.ts'

/** A tombstone is written soon after the mark of its paper; one that was broken off in between is marked again. */
const buriedWithinMs = 3_600_000

/**
 * The list of the destroyed is as new as the tombstones. An older one that was put back is whole in itself, and does not know what
 * to hold the next restore against. The last mark tells, unless the clock was set back before it: then the whole list is read.
 */
export async function* checkDestroyed({ ledger, destroyed }: Checked): AsyncGenerator<Finding, void> {
  const isBeyond = async (tenant: TenantId, latest: ReadonlyMap<TenantId, number>): Promise<boolean> => {
    const latestMs = latest.get(tenant)
    return (await ledger.countPurged(tenant, latestMs === undefined ? 0 : latestMs + buriedWithinMs)) > 0
  }
  const newest = await latestOf(await destroyed.newest())
  let whole: ReadonlyMap<TenantId, number> | undefined
  for (const tenant of await ledger.tenants()) {
    if (!(await isBeyond(tenant, newest))) continue
    whole ??= await latestOf(destroyed.list())
    if (await isBeyond(tenant, whole)) yield { code: 'destroyed.unlisted', tenant }
  }
}

/** The latest time at which a paper of each tenant was marked. */
async function latestOf(
  marks: AsyncIterable<DestroyedMark> | Iterable<DestroyedMark>,
): Promise<ReadonlyMap<TenantId, number>> {
  const latest = new Map<TenantId, number>()
  for await (const { tenant, atMs } of marks) latest.set(tenant, Math.max(latest.get(tenant) ?? 0, atMs))
  return latest
}
