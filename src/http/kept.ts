/** Whoever scrapes more often is told the same again. */
const keptMs = 15_000

/** What was found last, for 15 s: so that scrapes of many metrics, or by many, ask the stores once. */
export function kept<Found>(find: () => Promise<Found>): () => Promise<Found> {
  let last: { readonly sinceMs: number; readonly found: Promise<Found> } | undefined
  return () => {
    const nowMs = performance.now()
    if (!last || nowMs - last.sinceMs > keptMs) last = { sinceMs: nowMs, found: find() }
    return last.found
  }
}
