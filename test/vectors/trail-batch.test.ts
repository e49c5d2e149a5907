import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { canonicalEntry, completeEntry, type EntryDraft, parseEntry } from '../../src/domain/entry.ts'
import { leafHash } from '../../src/guards/merkle.ts'
import { emptyHead, nextBatch } from '../../src/guards/trail-head.ts'

interface Frozen {
  readonly drafts: readonly { readonly draft: EntryDraft; readonly id: string }[]
  readonly timeMs: number
  readonly instance: string
  readonly entries: readonly { readonly text: string; readonly leaf: string }[]
  readonly bundle: string
  readonly frontier: string
  readonly root: string
}

const frozen: Frozen = JSON.parse(readFileSync(new URL('trail-batch.json', import.meta.url), 'utf8'))
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test('entries and batches are written as they always were', () => {
  const { drafts, timeMs, instance } = frozen
  const sealed = drafts.map(({ draft, id }) => {
    const bytes = canonicalEntry(completeEntry(draft, id, timeMs, instance))
    return { id, bytes, leaf: leafHash(bytes) }
  })
  const answers = sealed.map(({ bytes, leaf }) => ({ text: Buffer.from(bytes).toString(), leaf: hex(leaf) }))
  assert.deepEqual(answers, frozen.entries)
  const by = { inst: instance, nonce: new Uint8Array(16), nowMs: timeMs }
  const { batch } = nextBatch(emptyHead('omo7777/2026', 0), sealed, by)
  assert.deepEqual(
    [hex(batch.entries), hex(batch.frontier), hex(batch.root)],
    [frozen.bundle, frozen.frontier, frozen.root],
  )
})

test('entries that were written before are read', () => {
  for (const [i, { text }] of frozen.entries.entries()) {
    assert.equal(parseEntry(Buffer.from(text)).id, frozen.drafts[i]?.id)
  }
})
