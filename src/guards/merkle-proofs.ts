import { emptyRoot, grow, hashBytes, isSameHash, nodeHash, rootOf } from './merkle.ts'

/** The root over a run of leaf hashes. */
function rootOver(leaves: readonly Uint8Array[]): Uint8Array {
  return leaves.length === 0 ? emptyRoot : rootOf(grow([], 0, leaves))
}

/** The largest power of two that is smaller than `size`, for sizes of at least 2. */
function splitPoint(size: number): number {
  let point = 1
  while (point * 2 < size) point *= 2
  return point
}

/**
 * The hashes that lead from leaf `index` to the root over `leaves` (leaf hashes, the whole tree), lowest first.
 * @source RFC 9162, 2.1.3.1
 */
export function inclusionProof(leaves: readonly Uint8Array[], index: number): readonly Uint8Array[] {
  if (!Number.isSafeInteger(index) || index < 0 || index >= leaves.length) throw new RangeError('no such leaf')
  if (leaves.length === 1) return []
  const split = splitPoint(leaves.length)
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)]
  return index < split
    ? [...inclusionProof(left, index), rootOver(right)]
    : [...inclusionProof(right, index - split), rootOver(left)]
}

/**
 * The hashes that show that the tree over the first `size1` of `leaves` is a prefix of the tree over all of them.
 * @source RFC 9162, 2.1.4.1
 */
export function consistencyProof(leaves: readonly Uint8Array[], size1: number): readonly Uint8Array[] {
  if (!Number.isSafeInteger(size1) || size1 < 1 || size1 > leaves.length) throw new RangeError('no such size')
  return subProof(leaves, size1, true)
}

function subProof(leaves: readonly Uint8Array[], size1: number, isKnown: boolean): readonly Uint8Array[] {
  if (size1 === leaves.length) return isKnown ? [] : [rootOver(leaves)]
  const split = splitPoint(leaves.length)
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)]
  return size1 <= split
    ? [...subProof(left, size1, isKnown), rootOver(right)]
    : [...subProof(right, size1 - split, false), rootOver(left)]
}

const isSize = (value: number): boolean => Number.isSafeInteger(value) && value >= 1
const areHashes = (hashes: readonly Uint8Array[]): boolean => hashes.every(({ length }) => length === hashBytes)
const half = (value: number): number => Math.floor(value / 2)
const isOdd = (value: number): boolean => value % 2 === 1

/**
 * Whether `proof` leads from the leaf at `index` to the root of the tree of `size` leaves. Any hash that is not 32 bytes is
 * refused.
 * @source RFC 9162, 2.1.3.2
 */
export function isIncluded(
  at: { readonly index: number; readonly size: number },
  leaf: Uint8Array,
  root: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  const { index, size } = at
  if (!isSize(size) || !Number.isSafeInteger(index) || index < 0 || index >= size) return false
  if (!areHashes([leaf, root, ...proof])) return false
  let [fn, sn, running] = [index, size - 1, leaf]
  for (const sibling of proof) {
    if (sn === 0) return false
    if (isOdd(fn) || fn === sn) {
      running = nodeHash(sibling, running)
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)]
    } else {
      running = nodeHash(running, sibling)
    }
    ;[fn, sn] = [half(fn), half(sn)]
  }
  return sn === 0 && isSameHash(running, root)
}

/**
 * Whether `proof` shows that the tree of `size1` leaves is a prefix of the tree of `size2`. An empty first tree proves nothing
 * and is refused, and so is any hash that is not 32 bytes. Trees of one size are the same when their roots are: nothing is hashed
 * then, so what is compared may have any length, as the public vectors have it.
 * @source RFC 9162, 2.1.4.2
 */
export function isConsistent(
  sizes: { readonly size1: number; readonly size2: number },
  root1: Uint8Array,
  root2: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  const { size1, size2 } = sizes
  if (!isSize(size1) || !isSize(size2) || size1 > size2) return false
  if (size1 === size2) return proof.length === 0 && Buffer.compare(root1, root2) === 0
  if (!areHashes([root1, root2, ...proof])) return false
  let [fn, sn] = [size1 - 1, size2 - 1]
  while (isOdd(fn)) [fn, sn] = [half(fn), half(sn)]
  // A first tree that is a full subtree of the second is itself the start of the path.
  const [start, ...rest] = fn === 0 ? [root1, ...proof] : proof
  if (!start || proof.length === 0) return false
  let [first, second] = [start, start]
  for (const hash of rest) {
    if (sn === 0) return false
    if (isOdd(fn) || fn === sn) {
      ;[first, second] = [nodeHash(hash, first), nodeHash(hash, second)]
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)]
    } else {
      second = nodeHash(second, hash)
    }
    ;[fn, sn] = [half(fn), half(sn)]
  }
  return sn === 0 && isSameHash(first, root1) && isSameHash(second, root2)
}
