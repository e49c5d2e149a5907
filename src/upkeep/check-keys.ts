import { blobKeyOf } from '../domain/document.ts'
import type { Finding } from '../domain/finding.ts'
import type { MessageId } from '../domain/ids.ts'
import type { Page } from '../ports/ledger.ts'
import type { WrappedKey } from '../ports/wrapped-keys.ts'
import { everyItem, inGroups, namedWithinMs } from './check-pages.ts'
import type { Checked, CheckOptions } from './checking.ts'

const namePattern = /^doc\/([0-9a-f]{64})$/

/** No wrapped key without a row that names it, and none under a name that the vault does not give. */
export async function* checkKeys(vault: Checked, { counts, signal }: CheckOptions): AsyncGenerator<Finding, void> {
  const keys = everyItem(
    (page: Page<string>) => vault.wrappedKeys.list(page),
    ({ id }) => id,
    signal,
  )
  for await (const group of inGroups(keys)) {
    counts.keys += group.length
    const beforeMs = vault.clock.nowMs() - namedWithinMs
    const named = await vault.ledger.namedBlobs(group.flatMap(key => blobOf(key) ?? []))
    for (const key of group) {
      const blob = blobOf(key)
      const which = { tenant: key.tenant, document: key.document, key: key.id }
      if (blob === undefined) yield { code: 'key.foreign-name', ...which }
      else if (!named.has(blob) && key.createdAtMs < beforeMs) yield { code: 'key.orphan', ...which }
    }
  }
}

/** Key and body of one attempt have the same message id in their names, so whoever names one names the other. */
function blobOf({ id }: WrappedKey): string | undefined {
  const messageId = namePattern.exec(id)?.[1]
  return messageId === undefined ? undefined : blobKeyOf(messageId as MessageId)
}
