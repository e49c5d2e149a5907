import type { Ledger } from '../ports/ledger.ts'

/**
 * Counts tombstones, which costs as much as there are, at most once a millisecond for each that was found: of a million it is
 * told a quarter of an hour late, and of a thousand at once. So however many there are, whoever scrapes often keeps no store
 * busy.
 *
 * @param nowMs a clock that never goes back, ms
 */
export function countedAtLeisure(
  count: Ledger['countPurged'],
  nowMs: () => number = () => performance.now(),
): Ledger['countPurged'] {
  const known = new Map<string, { readonly found: number; readonly untilMs: number }>()
  return async (tenant, sinceMs) => {
    const last = known.get(tenant)
    if (last && nowMs() < last.untilMs) return last.found
    const found = await count(tenant, sinceMs)
    known.set(tenant, { found, untilMs: nowMs() + found })
    return found
  }
}
