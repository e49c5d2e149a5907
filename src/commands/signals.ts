import type { Log } from '../ports/log.ts'
import { exit } from './command.ts'

/** Resolves with the first SIGTERM or SIGINT; a second one ends the process at once. */
export function stopSignal(): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>()
  let asked = false
  const onSignal = (signal: NodeJS.Signals) => {
    if (asked) process.exit(128 + (signal === 'SIGINT' ? 2 : 15))
    asked = true
    resolve(signal)
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  return promise
}

/** After an error that nobody expected nothing in memory can be trusted: it is logged by its class and code, and that is all. */
export function exitOnDefect(log: Log): void {
  const onDefect = (error: unknown) => {
    log.error('unexpected error', { cause: causeOf(error) })
    process.exit(exit.defect)
  }
  process.on('uncaughtException', onDefect)
  process.on('unhandledRejection', onDefect)
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  return 'code' in error ? `${error.name}:${String(error.code)}` : error.name
}
