import { hash } from 'node:crypto'

/** Bytes of every hash here: SHA-256. */
export const hashBytes = 32

const leafPrefix = 0x00
const nodePrefix = 0x01

/** One message is hashed at a time, so one buffer serves all; it grows to the longest entry. */
let leafBuffer = Buffer.alloc(1 + 8_192)
const nodeBuffer = Buffer.alloc(1 + 2 * hashBytes)
nodeBuffer[0] = nodePrefix

// Taking the digest as text and reading it back is a third of the price of asking for a buffer.
const sha256 = (message: Uint8Array): Uint8Array => Buffer.from(hash('sha256', message, 'latin1'), 'latin1')

/** The root of the tree without leaves: SHA-256 of nothing. */
export const emptyRoot: Uint8Array = sha256(new Uint8Array(0))

/**
 * SHA-256(00 || entry).
 * @source RFC 6962, 2.1
 */
export function leafHash(entry: Uint8Array): Uint8Array {
  if (leafBuffer.length <= entry.length) leafBuffer = Buffer.alloc(1 + entry.length)
  leafBuffer[0] = leafPrefix
  leafBuffer.set(entry, 1)
  return sha256(leafBuffer.subarray(0, 1 + entry.length))
}

/** SHA-256(01 || left || right), each of 32 bytes. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  nodeBuffer.set(left, 1)
  nodeBuffer.set(right, 1 + hashBytes)
  return sha256(nodeBuffer)
}

/**
 * The frontier of a tree after more leaves: the roots of its full subtrees, largest first, one for each bit that is set in its
 * size. It is all that appending needs to know.
 */
export function grow(
  frontier: readonly Uint8Array[],
  size: number,
  leaves: readonly Uint8Array[],
): readonly Uint8Array[] {
  const roots = [...frontier]
  let count = size
  for (const leaf of leaves) {
    let root = leaf
    for (let rest = count; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      const left = roots.pop()
      if (!left) throw new RangeError('frontier too short for its size')
      root = nodeHash(left, root)
    }
    roots.push(root)
    count++
  }
  return roots
}

/** The root of the tree whose frontier this is. */
export function rootOf(frontier: readonly Uint8Array[]): Uint8Array {
  let root: Uint8Array | undefined
  for (const left of frontier.toReversed()) root = root ? nodeHash(left, root) : left
  return root ?? emptyRoot
}

/** The hashes one after the other, as a batch stores them. */
export function joinHashes(hashes: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(hashes)
}

/** The hashes of a stored frontier, or undefined when it cannot be that of a tree of `size` leaves. */
export function splitFrontier(bytes: Uint8Array, size: number): readonly Uint8Array[] | undefined {
  let expected = 0
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) expected += rest % 2
  if (bytes.length !== expected * hashBytes) return undefined
  return Array.from({ length: expected }, (_, i) => bytes.subarray(i * hashBytes, (i + 1) * hashBytes))
}

/** Equal and of 32 bytes. Nothing here is secret, so the time it takes may tell. */
export function isSameHash(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === hashBytes && Buffer.compare(one, other) === 0
}
