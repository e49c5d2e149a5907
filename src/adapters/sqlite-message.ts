import type { SqliteFileName } from './sqlite-schema.ts'

/** What passes between the main thread and the worker that runs SQLite. */

export type SqlValue = string | number | null | Uint8Array
export type SqlRow = Readonly<Record<string, SqlValue>>

/**
 * One statement of a write. With `changes`, the write is lost unless exactly so many rows changed or were returned. `orElse` is
 * tried with the same parameters where the statement changed nothing.
 */
export interface Step {
  readonly sql: string
  readonly orElse?: string
  readonly params: readonly SqlValue[]
  readonly changes?: number
}

/** `rows` are those of the last step that returns any. Of a lost write no step took effect; `step` is the one that lost. */
export type Written =
  | { readonly done: true; readonly changes: readonly number[]; readonly rows: readonly SqlRow[] }
  | { readonly done: false; readonly step: number; readonly rule: 'changes' | 'primary-key' | 'unique' }

/**
 * What is asked of a file. `empty-log` is answered once the write-ahead log holds nothing any more, `scrub` once nothing that
 * was deleted before it is in the file or its log.
 */
export type Question =
  | { readonly kind: 'read'; readonly sql: string; readonly params: readonly SqlValue[] }
  | { readonly kind: 'write'; readonly steps: readonly Step[] }
  | { readonly kind: 'empty-log' | 'scrub' }

/** A request that is still waiting at `deadlineMs` of the monotonic clock is refused, and then never takes effect. */
export type Request = Question & { readonly id: number; readonly file: SqliteFileName; readonly deadlineMs: number }
export type ToWorker = { readonly open: string } | readonly Request[] | 'close'

export type Reply = { readonly id: number } & (
  | { readonly rows: readonly SqlRow[] }
  | { readonly written: Written }
  | { readonly errcode: number }
)
export type FromWorker = readonly Reply[] | 'opened'

/** Result codes of SQLite that both sides speak of; the low byte is the primary code. */
export const resultCodes = {
  error: 1,
  busy: 5,
  ioError: 10,
  full: 13,
  constraint: 19,
  mismatch: 20,
  range: 25,
  moved: 1032,
  primaryKey: 1555,
  unique: 2067,
} as const

/** The same clock in every thread of the process; it never goes back. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000_000n)
}

/** Buffers worth moving from one thread to the other; smaller ones are cheaper to clone. */
export function largeBuffers(values: Iterable<SqlValue>): ArrayBuffer[] {
  const buffers: ArrayBuffer[] = []
  for (const value of values) {
    if (value instanceof Uint8Array && value.byteLength >= 16 * 1024) buffers.push(value.buffer as ArrayBuffer)
  }
  return buffers
}
