import type { Document } from '../domain/document.ts'
import type { DocumentId, SubjectId, TenantId } from '../domain/ids.ts'
import type { Vault } from './vault.ts'

const atOnce = 100
const ofManyAtOnce = 1_000

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

/** The same of many at once; those of whom nothing is left are absent. */
export async function livePapersOf(
  vault: Pick<Vault, 'ledger'>,
  tenant: TenantId,
  subjects: readonly SubjectId[],
): Promise<ReadonlyMap<SubjectId, readonly Document[]>> {
  const papers: Document[] = []
  for (;;) {
    const after = papers.at(-1)
    const page = { limit: ofManyAtOnce, ...(after ? { after } : {}) }
    const some = await vault.ledger.liveDocumentsOf(tenant, subjects, page)
    papers.push(...some)
    if (some.length < ofManyAtOnce) return Map.groupBy(papers, ({ subject }) => subject)
  }
}

function pageAfter(after: DocumentId | undefined) {
  return after === undefined ? { limit: atOnce } : { after, limit: atOnce }
}
