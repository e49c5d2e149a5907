import type { ProcessRole } from '../domain/process-role.ts'
import type { JobCounts } from '../guards/job-counts.ts'
import type { Vault } from '../guards/vault.ts'
import type { Cursors } from './cursors.ts'
import type { InFlight } from './in-flight.ts'
import type { RequestCounts } from './request-counts.ts'
import type { UploadMemory } from './upload-memory.ts'

/** How long the door waits; milliseconds. */
export interface DoorTimeouts {
  readonly headersMs: number
  /** From the head of a request to the end of its body. */
  readonly requestMs: number
  /** The longest time in which a body may bring less than `minBodyBytes`. */
  readonly stalledMs: number
  /** The longest time in which a reader may take nothing of an answer. */
  readonly stalledReaderMs: number
  readonly keepAliveMs: number
  /** How long bytes of a refused body are still read and thrown away, so that the client hears the answer. */
  readonly lingerMs: number
  /** How long a stop waits for requests under way. */
  readonly stopMs: number
}

/** What every route handler may use: the vault, and the door's own state. */
export interface Door {
  readonly vault: Vault
  readonly timeouts: DoorTimeouts
  readonly memory: UploadMemory
  readonly cursors: Cursors
  readonly inFlight: InFlight
  readonly counts: RequestCounts
  readonly jobs: JobCounts
  /** What this process is for: it serves the routes of these alone. */
  readonly roles: readonly ProcessRole[]
  /** The stores are older than what was destroyed: nothing below /v1 is answered. */
  readonly restored: boolean
  /** Shown in the OpenAPI document. */
  readonly version: string
}
