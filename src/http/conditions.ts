import { VaultError } from '../domain/errors.ts'

export interface ByteRange {
  readonly start?: number
  readonly end?: number
  readonly suffix?: number
}

const oneRange = /^bytes *= *(\d{0,15})-(\d{0,15}) *$/i

/**
 * One range of bytes: `first-last` (both inclusive, as on the wire), `first-`, or `-suffix`.
 *
 * @returns undefined without a header, or for a unit other than bytes, which must be ignored (RFC 9110, 14.2)
 * @throws {VaultError} range.not-satisfiable - several ranges, or not a range
 */
export function parseRange(header: string | undefined): ByteRange | undefined {
  if (header === undefined || !/^ *bytes *=/i.test(header)) return undefined
  const match = oneRange.exec(header.trim())
  const [first, last] = [match?.[1] ?? '', match?.[2] ?? '']
  if (!match || (first === '' && last === '')) throw new VaultError('range.not-satisfiable')
  if (first === '') return { suffix: Number(last) }
  const start = Number(first)
  if (last === '') return { start }
  const end = Number(last)
  if (end < start) throw new VaultError('range.not-satisfiable')
  return { start, end }
}

const entityTag = /(?:W\/)?("[\x21\x23-\x7e]*")/g

/** Tags of If-None-Match, quotes included and without their W/, since it compares weakly (RFC 9110, 13.1.2). */
export function parseIfNoneMatch(header: string | undefined): readonly string[] | '*' | undefined {
  if (header === undefined) return undefined
  if (header.trim() === '*') return '*'
  return [...header.matchAll(entityTag)].map(match => match[1] ?? '')
}
