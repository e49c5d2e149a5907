import { canonicalJson } from '../domain/canonical.ts'
import type { PurgeItem } from '../domain/purge-run.ts'
import { sha256Of } from './fingerprints.ts'

/**
 * Lower-case hex SHA-256 over the items in their order, each as its canonical JSON (RFC 8785) without `outcome` and a line
 * feed after it: whoever has the list can compute it again.
 */
export async function planHashOf(items: readonly PurgeItem[]): Promise<string> {
  const lines = items.map(({ outcome: _, ...item }) => `${canonicalJson(item)}\n`)
  return Buffer.from(await sha256Of(Buffer.from(lines.join(''))), 'base64url').toString('hex')
}
