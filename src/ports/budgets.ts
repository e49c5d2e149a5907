/**
 * Counters in windows of time. A count may be forgotten in a power cut, never in a crash or restart of the process.
 *
 * @throws {VaultError} ledger.unavailable - the store did not answer within 2 s: spent or not
 * @throws {VaultError} storage.full - no room; nothing was spent
 */
export interface Budgets {
  /**
   * Adds `amount` to what `key` spent in the window that began at `windowStartMs`, unless that would exceed `ceiling`.
   * @returns the sum after it, and whether it was granted; windows older than the key's
   *   newest, or begun a month before any that was spent from, may be forgotten
   */
  spend(
    key: string,
    windowStartMs: number,
    amount: number,
    ceiling: number,
  ): Promise<{ readonly granted: boolean; readonly spent: number }>
}
