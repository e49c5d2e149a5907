import { VaultError } from '../domain/errors.ts'

/**
 * A bundle is each entry as uint16 length, big-endian, and its bytes, without anything before, between or after.
 * @source C2SP tlog-tiles, "Log entries"
 */
export const lengthBytes = 2

/** One buffer; each entry at most 65,535 bytes. */
export function bundleOf(entries: readonly Uint8Array[]): Uint8Array {
  let size = 0
  for (const entry of entries) size += lengthBytes + entry.length
  const bundle = new Uint8Array(size)
  let at = 0
  for (const entry of entries) {
    if (entry.length > 0xffff) throw new RangeError('entry too long for a bundle')
    bundle[at] = entry.length >>> 8
    bundle[at + 1] = entry.length & 0xff
    bundle.set(entry, at + lengthBytes)
    at += lengthBytes + entry.length
  }
  return bundle
}

/**
 * The entries of a bundle in order, as views into it.
 * @throws {VaultError} trail.diverged - with `detail` `bundle.malformed`: it does not end where its last entry does
 */
export function entriesOf(bundle: Uint8Array): readonly Uint8Array[] {
  const entries: Uint8Array[] = []
  let at = 0
  while (at < bundle.length) {
    const start = at + lengthBytes
    const end = start + (((bundle[at] ?? 0) << 8) | (bundle[at + 1] ?? 0))
    if (start > bundle.length || end > bundle.length) {
      throw new VaultError('trail.diverged', { detail: 'bundle.malformed' })
    }
    entries.push(bundle.subarray(start, end))
    at = end
  }
  return entries
}
