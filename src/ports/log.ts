/** What an operator's log line may hold: opaque ids, codes and numbers. Whatever is not named here cannot be logged. */
export interface LogFields {
  readonly requestId?: string
  readonly method?: string
  /** The route's pattern, never the concrete path. */
  readonly route?: string
  readonly status?: number
  readonly durationMs?: number
  readonly bytes?: number
  readonly code?: string
  readonly tenant?: string
  /** Path of a member in a tenant's policy, such as `licence`. */
  readonly member?: string
  readonly job?: string
  readonly count?: number
  /** Of the lease that a job ran under: of all runs of all instances, each has its own. */
  readonly fence?: number
  /** How many there are in all, where `count` are done. */
  readonly total?: number
  readonly port?: number
  readonly pid?: number
  readonly log?: string
  readonly index?: number
  readonly signal?: string
  /** Class name and system code of what was caught, such as `SqliteError:5`; never its message. */
  readonly cause?: string
}

/** For operators; may be lost; never evidence, never personal data. `event` is a fixed phrase of the code. */
export interface Log {
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
}
