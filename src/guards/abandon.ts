import type { AbandonedDocument, DepositingDocument } from '../domain/document.ts'
import type { Change } from '../ports/ledger.ts'
import type { Vault } from './vault.ts'

/**
 * What takes an attempt to store away from whoever made it: the row as it then is, and the changes to commit together. Its
 * idempotency key is free again with them, and a late attempt to publish loses. Key and body go afterwards, by the sweep.
 */
export async function abandonment(
  vault: Pick<Vault, 'ledger' | 'clock'>,
  document: DepositingDocument,
): Promise<{ readonly abandoned: AbandonedDocument; readonly changes: readonly Change[] }> {
  const { deadlineMs: _, answerKey, ...kept } = document
  const abandoned: AbandonedDocument = {
    ...kept,
    state: 'abandoned',
    abandonedAtMs: vault.clock.nowMs(),
    version: document.version + 1,
  }
  const changes: Change[] = [{ row: 'document', expected: document.version, put: abandoned }]
  const answer = await vault.ledger.findAnswer(answerKey)
  if (answer?.state === 'open' && answer.document === document.id) {
    changes.push({ row: 'answer', expected: answer.version, forget: { key: answerKey } })
  }
  return { abandoned, changes }
}
