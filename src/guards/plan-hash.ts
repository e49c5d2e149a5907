import { createHash } from 'node:crypto'
import { canonicalJson } from '../domain/canonical.ts'
import type { PurgeItem } from '../domain/purge-run.ts'
import { Turns } from './turns.ts'

const sliceMs = 5

/**
 * Lower-case hex SHA-256 over the items in their order, each as its canonical JSON (RFC 8785) without `outcome` and a line
 * feed after it: whoever has the list can compute it again. A list of a million keeps nobody waiting, and is never one text.
 */
export async function planHashOf(items: readonly PurgeItem[]): Promise<string> {
  const hash = createHash('sha256')
  const turns = new Turns(sliceMs)
  for (const { outcome: _, ...item } of items) {
    if (turns.due()) await turns.take()
    hash.update(`${canonicalJson(item)}\n`)
  }
  return hash.digest('hex')
}
