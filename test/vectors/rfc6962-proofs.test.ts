import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { isConsistent, isIncluded } from '../../src/guards/merkle-proofs.ts'
import { needsFolder } from '../support/needs.ts'

interface InclusionCase {
  readonly name: string
  readonly leafIdx: number
  readonly treeSize: number
  readonly root: string | null
  readonly leafHash: string | null
  readonly proof: readonly string[] | null
  readonly wantErr: boolean
}

interface ConsistencyCase {
  readonly name: string
  readonly size1: number
  readonly size2: number
  readonly root1: string | null
  readonly root2: string | null
  readonly proof: readonly string[] | null
  readonly wantErr: boolean
}

const bytes = (text: string | null): Uint8Array => Buffer.from(text ?? '', 'base64')
const vectors = needsFolder('../shared/vectors', 'public proofs of RFC 6962')
const casesIn = (file: string) => JSON.parse(readFileSync(join(vectors.value, file), 'utf8'))

describe('public RFC 6962 proofs', { skip: vectors.skip }, () => {
  test('each inclusion proof is accepted or refused as published', () => {
    const cases: readonly InclusionCase[] = casesIn('rfc6962-inclusion.json')
    for (const { name, leafIdx, treeSize, root, leafHash, proof, wantErr } of cases) {
      const at = { index: leafIdx, size: treeSize }
      assert.equal(isIncluded(at, bytes(leafHash), bytes(root), (proof ?? []).map(bytes)), !wantErr, name)
    }
    assert.equal(cases.length, 98)
  })

  test('each consistency proof is accepted or refused as published', () => {
    const cases: readonly ConsistencyCase[] = casesIn('rfc6962-consistency.json')
    for (const { name, size1, size2, root1, root2, proof, wantErr } of cases) {
      const answer = isConsistent({ size1, size2 }, bytes(root1), bytes(root2), (proof ?? []).map(bytes))
      assert.equal(answer, !wantErr, name)
    }
    assert.equal(cases.length, 98)
  })
})
