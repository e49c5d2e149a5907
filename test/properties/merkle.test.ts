import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { emptyRoot, grow, joinHashes, leafHash, nodeHash, rootOf, splitFrontier } from '../../src/guards/merkle.ts'
import { consistencyProof, inclusionProof, isConsistent, isIncluded } from '../../src/guards/merkle-proofs.ts'

const leavesOf = (count: number): readonly Uint8Array[] =>
  Array.from({ length: count }, (_, i) => leafHash(Buffer.from(`entry ${i}`)))

/** The definition of RFC 6962, 2.1, word for word: slow, and nothing shared with what it judges. */
function rootByDefinition(leaves: readonly Uint8Array[]): Uint8Array {
  const [only] = leaves
  if (!only) return emptyRoot
  if (leaves.length === 1) return only
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  return nodeHash(rootByDefinition(leaves.slice(0, split)), rootByDefinition(leaves.slice(split)))
}

const sizes = fc.integer({ min: 0, max: 130 })

test('however the leaves are portioned, the frontier is the same and gives the root of the definition', () => {
  fc.assert(
    fc.property(fc.array(sizes, { maxLength: 4 }), portions => {
      const all = leavesOf(portions.reduce((sum, n) => sum + n, 0))
      let [size, frontier] = [0, [] as readonly Uint8Array[]]
      for (const n of portions) {
        frontier = grow(frontier, size, all.slice(size, size + n))
        size += n
      }
      assert.deepEqual(Buffer.from(rootOf(frontier)), Buffer.from(rootByDefinition(all)))
      const stored = joinHashes(frontier)
      assert.deepEqual(splitFrontier(stored, size)?.map(String), frontier.map(String))
      assert.equal(splitFrontier(stored, size * 2 + 1), undefined)
    }),
  )
})

test('each leaf is proved against its root, and no other leaf, place, size or altered proof is', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 130 }), fc.nat(), fc.nat(), (size, at, flip) => {
      const leaves = leavesOf(size)
      const index = at % size
      const root = rootOf(grow([], 0, leaves))
      const proof = inclusionProof(leaves, index)
      const leaf = leaves[index] ?? emptyRoot
      assert.ok(isIncluded({ index, size }, leaf, root, proof))
      assert.ok(!isIncluded({ index, size }, leafHash(Buffer.from('another')), root, proof))
      assert.ok(!isIncluded({ index: index + 1, size }, leaf, root, proof))
      assert.ok(!isIncluded({ index, size }, leaf, root, [...proof, root]))
      if (proof.length === 0) return
      const altered = proof.map(hash => Buffer.from(hash))
      const bent = altered[flip % proof.length]
      assert.ok(bent)
      bent[flip % 32] = (bent[flip % 32] ?? 0) ^ 1
      assert.ok(!isIncluded({ index, size }, leaf, root, altered))
      assert.ok(!isIncluded({ index, size }, leaf, root, proof.slice(1)))
    }),
  )
})

test('each tree is proved a prefix of each larger one, and an altered one is not', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), fc.nat({ max: 100 }), (size1, more) => {
      const size2 = size1 + more
      const leaves = leavesOf(size2)
      const [root1, root2] = [rootOf(grow([], 0, leaves.slice(0, size1))), rootOf(grow([], 0, leaves))]
      const proof = consistencyProof(leaves, size1)
      assert.ok(isConsistent({ size1, size2 }, root1, root2, proof))
      assert.ok(!isConsistent({ size1, size2 }, emptyRoot, root2, proof))
      assert.ok(!isConsistent({ size1, size2 }, root1, emptyRoot, proof))
      assert.ok(!isConsistent({ size1: 0, size2 }, root1, root2, proof))
      assert.ok(!isConsistent({ size1, size2 }, root1, root2, [...proof, root1]))
      assert.ok(!isConsistent({ size1, size2 }, root1, root2, [...proof, Buffer.alloc(31)]))
    }),
  )
})
