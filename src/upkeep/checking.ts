import type { Vault } from '../guards/vault.ts'

/** What `check` looks at: stores to read, and nothing that opens a paper. */
export type Checked = Pick<Vault, 'ledger' | 'batches' | 'wrappedKeys' | 'blobs' | 'destroyed' | 'tenants' | 'clock'>

/** How much was looked at. */
export interface Counts {
  tenants: number
  documents: number
  stored: number
  subjects: number
  reviews: number
  answers: number
  keys: number
  blobs: number
  /** Bytes of sealed bodies that were read and hashed. */
  hashedBytes: number
  entries: number
}

export interface CheckOptions {
  /** Skips reading and hashing the sealed bodies; their lengths are compared all the same. */
  readonly quick: boolean
  readonly signal: AbortSignal
  /** Grows while the findings are being drawn. */
  readonly counts: Counts
}

/** Counts that start from nothing. */
export function noCounts(): Counts {
  return {
    tenants: 0,
    documents: 0,
    stored: 0,
    subjects: 0,
    reviews: 0,
    answers: 0,
    keys: 0,
    blobs: 0,
    hashedBytes: 0,
    entries: 0,
  }
}
