import { type DestinationStream, destination, type Logger, pino } from 'pino'
import type { Log, LogFields } from '../ports/log.ts'

/** The names that may appear in a line. A name that the port adds must be added here, or this does not compile. */
const allowed: Readonly<Record<keyof LogFields, 'string' | 'number'>> = {
  requestId: 'string',
  method: 'string',
  route: 'string',
  status: 'number',
  durationMs: 'number',
  bytes: 'number',
  code: 'string',
  tenant: 'string',
  member: 'string',
  job: 'string',
  count: 'number',
  fence: 'number',
  total: 'number',
  port: 'number',
  pid: 'number',
  log: 'string',
  index: 'number',
  signal: 'string',
  cause: 'string',
}
const longestText = 128

export type LogLevel = 'info' | 'warn' | 'error' | 'silent'

/**
 * One JSON object a line: `level` as a word, `time` as UTC text, `msg`, and the fields that are allowed by name and type;
 * whatever else a caller passes at run time is dropped here. Texts are cut at 128 characters.
 */
export class PinoLog implements Log, AsyncDisposable {
  readonly #logger: Logger
  readonly #sink: DestinationStream & { flushSync?(): void; end?(): void }

  /** @param sink where lines go; standard error when absent, since standard output is for what commands answer. */
  constructor(level: LogLevel, sink?: DestinationStream) {
    this.#sink = sink ?? openStandardError()
    const options = {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label: string) => ({ level: label }) },
    }
    this.#logger = pino(options, this.#sink)
  }

  info(event: string, fields: LogFields = {}): void {
    this.#logger.info(pick(fields), event)
  }

  warn(event: string, fields: LogFields = {}): void {
    this.#logger.warn(pick(fields), event)
  }

  error(event: string, fields: LogFields = {}): void {
    this.#logger.error(pick(fields), event)
  }

  /** Writes what is still held back; afterwards the process may exit. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#sink.flushSync?.()
  }
}

function openStandardError(): DestinationStream & { flushSync(): void } {
  const sink = destination({ fd: 2, sync: true })
  // Log lines may be lost: a reader that went away (EPIPE) must not bring the vault down.
  sink.on('error', () => sink.destroy())
  return sink
}

function pick(fields: LogFields): Record<string, string | number> {
  const kept: Record<string, string | number> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (!Object.hasOwn(allowed, name) || typeof value !== allowed[name as keyof LogFields]) continue
    kept[name] = typeof value === 'string' ? value.slice(0, longestText) : (value as number)
  }
  return kept
}
