import { VaultError } from '../domain/errors.ts'

/** @throws {VaultError} vault.stopping - the work is to end between two of its steps */
export function requireRunning(signal: AbortSignal): void {
  if (signal.aborted) throw new VaultError('vault.stopping', { retryAfterSeconds: 5 })
}
