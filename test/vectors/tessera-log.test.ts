import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { bundleOf, entriesOf } from '../../src/guards/entry-bundle.ts'
import { emptyRoot, grow, joinHashes, leafHash, rootOf } from '../../src/guards/merkle.ts'
import { needsFolder } from '../support/needs.ts'

const words = 'one two three four five six seven eit nain ten ileven twelf threeten fourten fivten'.split(' ')
const log = needsFolder('../shared/vectors/tessera-log', "Tessera's test log")
const file = (...path: string[]): Buffer => readFileSync(join(log.value, ...path))
const entries = words.map(word => new TextEncoder().encode(word))

function rootInCheckpoint(size: number): string | undefined {
  return file(`checkpoint.${size}`).toString().split('\n')[2]
}

describe("Tessera's test log", { skip: log.skip }, () => {
  for (let size = 1; size <= words.length; size++) {
    test(`of ${size} entries has our bundle, leaf hashes and root, byte for byte`, () => {
      const some = entries.slice(0, size)
      const leaves = some.map(leafHash)
      const bundle = file('tile', 'entries', '000.p', String(size))
      assert.deepEqual(Buffer.from(bundleOf(some)), bundle)
      assert.deepEqual(entriesOf(bundle).map(String), some.map(entry => String(Buffer.from(entry))))
      assert.deepEqual(Buffer.from(joinHashes(leaves)), file('tile', '0', '000.p', String(size)))
      assert.equal(Buffer.from(rootOf(grow([], 0, leaves))).toString('base64'), rootInCheckpoint(size))
    })
  }

  test('is empty at size 0 under the root of nothing', () => {
    assert.equal(Buffer.from(emptyRoot).toString('base64'), rootInCheckpoint(0))
  })
})
