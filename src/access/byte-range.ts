import type { StoredDocument } from '../domain/document.ts'

/** As asked for: `start-`, `start-end` (inclusive end) or the last `suffix` bytes. */
export interface AskedRange {
  readonly start?: number
  readonly end?: number
  readonly suffix?: number
}

/** [start, end) of the plaintext. */
export interface ByteRange {
  readonly start: number
  readonly end: number
  readonly partial: boolean
}

/**
 * Strong, and made from the ciphertext: re-wrapping a key does not change it, and it tells nothing of the plaintext, of which
 * no digest is ever sent.
 */
export function etagOf({ bodySha256 }: Pick<StoredDocument, 'bodySha256'>): string {
  return `"c1-${bodySha256.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')}"`
}

/**
 * The bytes to send; undefined when the range cannot be satisfied.
 *
 * @param ifRange when it is not the document's ETag the range is ignored and the whole is sent
 * @source RFC 9110, sections 13.1.5 and 14.1.2
 */
export function resolveRange(
  sizeBytes: number,
  etag: string,
  asked: AskedRange | undefined,
  ifRange: string | undefined,
): ByteRange | undefined {
  if (!asked || (ifRange !== undefined && ifRange !== etag)) return { start: 0, end: sizeBytes, partial: false }
  if (asked.suffix !== undefined) {
    if (asked.suffix === 0 || sizeBytes === 0) return undefined
    return { start: Math.max(0, sizeBytes - asked.suffix), end: sizeBytes, partial: true }
  }
  const start = asked.start ?? 0
  if (start >= sizeBytes || (asked.end !== undefined && asked.end < start)) return undefined
  return { start, end: Math.min(sizeBytes, (asked.end ?? sizeBytes - 1) + 1), partial: true }
}

/** Whether the client's copy is the current one. */
export function matches(etag: string, ifNoneMatch: readonly string[] | '*' | undefined): boolean {
  if (ifNoneMatch === undefined) return false
  return ifNoneMatch === '*' || ifNoneMatch.some(tag => tag.replace(/^W\//, '') === etag)
}
