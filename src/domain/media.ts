import { maxHolds } from './hold.ts'

/** What kinds of file the vault takes, and every limit it enforces: the one published table. */

/** Every kind of file that is taken. */
export const mediaKinds = ['image/jpeg', 'image/png', 'image/webp', 'application/pdf'] as const
/** The media type as decided by content; the type a client declares is never used. */
export type MediaKind = (typeof mediaKinds)[number]
export type ImageKind = Exclude<MediaKind, 'application/pdf'>

/** Every type of paper that any tenant may collect; each tenant names its own among them. */
export const paperTypes = ['id', 'address', 'selfie', 'payment_ownership'] as const
export type PaperType = (typeof paperTypes)[number]

/** A selfie is a picture; a PDF under that name is a mistake of the caller. */
export function mediaAllowed(type: PaperType, kind: MediaKind): boolean {
  return type !== 'selfie' || kind !== 'application/pdf'
}

/** What a served file is named with; the client's own name is never used. */
export const fileExtensions: Readonly<Record<MediaKind, string>> = {
  'image/jpeg': 'jpg',
  'image/png': 'png',
  'image/webp': 'webp',
  'application/pdf': 'pdf',
}

const MiB = 1024 * 1024

/** Published at `GET /v1/limits` and in the README; enforced before anything is parsed. Bytes, pixels, milliseconds. */
export const limits = {
  image: { maxBytes: 15 * MiB, maxSidePixels: 8_000, maxPixels: 40_000_000, maxFrames: 1, decodeTimeoutMs: 10_000 },
  pdf: { maxBytes: 20 * MiB, maxPages: 30, checkTimeoutMs: 10_000, maxObjects: 50_000, maxDepth: 64 },
  uploadsPerSubjectAndDay: 20,
  request: {
    totalTimeoutMs: 60_000,
    headersTimeoutMs: 10_000,
    stalledBodyMs: 10_000,
    /** A body that brings less within `stalledBodyMs` counts as stalled. */
    minBodyBytes: 1_024,
    maxHeaderBytes: 16_384,
    maxHeaders: 100,
  },
  json: { maxBytes: 64 * 1024, maxDepth: 20 },
  multipart: { maxMetaBytes: 4_096, maxParts: 2, maxHeaderPairs: 20, maxFieldNameBytes: 64, maxOverheadBytes: 16_384 },
  page: { defaultItems: 50, maxItems: 100 },
  idempotency: { maxKeyCharacters: 128, keptMs: 7 * 24 * 3_600_000 },
  deposit: { deadlineMs: 180_000, abortAfterMs: 120_000 },
  /** Ended ones included. */
  holdsPerSubject: maxHolds,
  review: { assignmentMs: 8 * 3_600_000, openPerPerson: 10 },
  denialsPerCallerAndMinute: 60,
  entryMaxBytes: 8 * 1024,
} as const
