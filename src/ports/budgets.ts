/** Counters in windows of time. A count may be forgotten in a power cut, never in a crash or restart of the process. */
export interface Budgets {
  /**
   * Adds `amount` to what `key` spent in the window that began at `windowStartMs`, unless that would exceed `ceiling`.
   * @returns the sum after it, and whether it was granted; windows other than the newest of a key may be forgotten
   */
  spend(
    key: string,
    windowStartMs: number,
    amount: number,
    ceiling: number,
  ): Promise<{ readonly granted: boolean; readonly spent: number }>
}
