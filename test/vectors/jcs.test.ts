import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { canonicalJson } from '../../src/domain/canonical.ts'
import { needsFolder } from '../support/needs.ts'

const folder = needsFolder('../shared/vectors/jcs', 'inputs and outputs of RFC 8785')
const names = folder.skip ? [] : readdirSync(join(folder.value, 'input'))

describe('public RFC 8785 vectors', { skip: folder.skip }, () => {
  for (const name of names) {
    test(`${name} is canonicalised byte for byte`, () => {
      const input: unknown = JSON.parse(readFileSync(join(folder.value, 'input', name), 'utf8'))
      const output = readFileSync(join(folder.value, 'output', name))
      assert.deepEqual(Buffer.from(canonicalJson(input)), output)
    })
  }

  test('there are six of them', () => {
    assert.equal(names.length, 6)
  })
})
