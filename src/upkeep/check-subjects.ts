import type { Finding } from '../domain/finding.ts'
import { idPatterns, type SubjectId, type TenantId } from '../domain/ids.ts'
import { maxTier, type Subject } from '../domain/subject.ts'
import type { Page } from '../ports/ledger.ts'
import { areHoldsSound, findOverlooked } from './check-clocks.ts'
import { everyItem } from './check-pages.ts'
import type { Checked, CheckOptions } from './checking.ts'

/** People's rows say what such a row may say, and none lets a paper be forgotten. */
export async function* checkSubjects(
  vault: Checked,
  tenant: TenantId,
  { counts, signal }: CheckOptions,
): AsyncGenerator<Finding, void> {
  const subjects = everyItem(
    (page: Page<SubjectId>) => vault.ledger.everySubject(tenant, page),
    ({ id }) => id,
    signal,
  )
  const known = vault.tenants.get(tenant)
  const reckoned = known && (await vault.ledger.findRetentionState(tenant))?.policyVersion
  for await (const subject of subjects) {
    counts.subjects++
    const detail = wrongField(subject, tenant)
    if (detail !== undefined) yield { code: 'subject.malformed', tenant, subject: subject.id, detail }
    const overlooked = known && (await findOverlooked(vault, known, subject, reckoned))
    if (overlooked) yield overlooked
  }
}

function wrongField(subject: Subject, tenant: TenantId): string | undefined {
  if (subject.tenant !== tenant) return 'tenant'
  if (!idPatterns.uuid.test(subject.id)) return 'id'
  if (!idPatterns.subjectReference.test(subject.reference)) return 'reference'
  if (!idPatterns.person.test(subject.openedBy)) return 'openedBy'
  if (!Number.isInteger(subject.tier) || subject.tier < 0 || subject.tier > maxTier) return 'tier'
  if (!areHoldsSound(subject)) return 'holds'
  return undefined
}
