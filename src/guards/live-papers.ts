import type { Document } from '../domain/document.ts'
import type { DocumentId, SubjectId, TenantId } from '../domain/ids.ts'
import type { Vault } from './vault.ts'

const atOnce = 100

/**
 * Every paper that is still of a subject, attempts under way included; ascending by id. Whoever decides on them commits together
 * with the version of the subject that was read before: a purge that moved one meanwhile has moved that version too.
 */
export async function livePapers(
  vault: Pick<Vault, 'ledger'>,
  tenant: TenantId,
  subject: SubjectId,
): Promise<readonly Document[]> {
  const papers: Document[] = []
  for (;;) {
    const after = papers.at(-1)?.id
    const page = await vault.ledger.liveDocuments(tenant, subject, pageAfter(after))
    papers.push(...page)
    if (page.length < atOnce) return papers
  }
}

function pageAfter(after: DocumentId | undefined) {
  return after === undefined ? { limit: atOnce } : { after, limit: atOnce }
}
