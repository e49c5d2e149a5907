/** The time as this machine tells it; it may jump, and is no witness. */
export interface Clock {
  /** Epoch milliseconds, UTC. */
  nowMs(): number
  /** Resolves after `ms`; rejects with the signal's reason once aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}
