/** Plain counters that cost nothing at start; `metrics.ts` shows them. Routes are patterns, never paths. */
export class RequestCounts {
  readonly #byRoute = new Map<
    string,
    { route: string; method: string; status: number; count: number; totalMs: number }
  >()

  count(route: string, method: string, status: number, durationMs: number): void {
    const key = `${method} ${route} ${status}`
    const known = this.#byRoute.get(key)
    if (known) {
      known.count++
      known.totalMs += durationMs
      return
    }
    this.#byRoute.set(key, { route, method, status, count: 1, totalMs: durationMs })
  }

  all(): Iterable<{
    readonly route: string
    readonly method: string
    readonly status: number
    readonly count: number
    readonly totalMs: number
  }> {
    return this.#byRoute.values()
  }
}
