import type { Finding } from '../domain/finding.ts'
import { inGroups, namedWithinMs } from './check-pages.ts'
import type { Checked, CheckOptions } from './checking.ts'

const namePattern = /^v1\/([0-9a-f]{2})\/\1[0-9a-f]{62}$/

/** No sealed body without a row that names it, and nothing among them that is none. */
export async function* checkBlobs(vault: Checked, { counts, signal }: CheckOptions): AsyncGenerator<Finding, void> {
  for await (const group of inGroups(vault.blobs.list(Number.MAX_SAFE_INTEGER))) {
    signal.throwIfAborted()
    counts.blobs += group.length
    const beforeMs = vault.clock.nowMs() - namedWithinMs
    const ours = group.filter(({ key }) => namePattern.test(key)).map(({ key }) => key)
    const named = await vault.ledger.namedBlobs(ours)
    for (const { key: blob, modifiedAtMs } of group) {
      if (!namePattern.test(blob)) yield { code: 'blob.foreign-name', blob }
      else if (!named.has(blob) && modifiedAtMs < beforeMs) yield { code: 'blob.orphan', blob }
    }
  }
}
