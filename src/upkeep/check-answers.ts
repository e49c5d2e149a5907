import type { Finding } from '../domain/finding.ts'
import type { TenantId } from '../domain/ids.ts'
import { isVisible } from '../domain/view.ts'
import type { Page } from '../ports/ledger.ts'
import { clearedAfterMs, everyItem } from './check-pages.ts'
import type { Checked, CheckOptions } from './checking.ts'

/** A kept answer tells of something that is there, and an open one of an attempt that is under way. */
export async function* checkAnswers(
  vault: Checked,
  tenant: TenantId,
  { counts, signal }: CheckOptions,
): AsyncGenerator<Finding, void> {
  const answers = everyItem(
    (page: Page<string>) => vault.ledger.everyAnswer(tenant, page),
    ({ key }) => key,
    signal,
  )
  for await (const { key: answer, document: id, state, expiresAtMs } of answers) {
    counts.answers++
    if (id === undefined) continue
    const document = await vault.ledger.findDocument(tenant, id)
    const which = { tenant, answer, document: id }
    if (state === 'done' && !isVisible(document)) yield { code: 'answer.stray', ...which }
    if (state === 'open' && document?.state !== 'depositing' && expiresAtMs < vault.clock.nowMs() - clearedAfterMs) {
      yield { code: 'answer.stale', ...which }
    }
  }
}
