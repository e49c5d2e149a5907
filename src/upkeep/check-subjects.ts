import type { Finding } from '../domain/finding.ts'
import { holdKinds, maxHolds } from '../domain/hold.ts'
import { idPatterns, type SubjectId, type TenantId } from '../domain/ids.ts'
import { hasFact, maxTier, type Subject } from '../domain/subject.ts'
import type { Page } from '../ports/ledger.ts'
import { checkLook } from './check-looks.ts'
import { everyItem } from './check-pages.ts'
import type { Checked, CheckOptions } from './checking.ts'

/** People's rows say what such a row may say, and when the purge looks at their papers. */
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
  const policy = vault.tenants.get(tenant)
  const state = await vault.ledger.findRetentionState(tenant)
  const reckoned = state?.policyVersion === policy?.version
  for await (const subject of subjects) {
    counts.subjects++
    const detail = wrongField(subject, tenant)
    if (detail !== undefined) yield { code: 'subject.malformed', tenant, subject: subject.id, detail }
    else if (policy) yield* await checkLook(vault, policy, subject, reckoned)
  }
}

function wrongField(subject: Subject, tenant: TenantId): string | undefined {
  if (subject.tenant !== tenant) return 'tenant'
  if (!idPatterns.uuid.test(subject.id)) return 'id'
  if (!idPatterns.subjectReference.test(subject.reference)) return 'reference'
  if (!idPatterns.person.test(subject.openedBy)) return 'openedBy'
  if (!Number.isInteger(subject.tier) || subject.tier < 0 || subject.tier > maxTier) return 'tier'
  if (!areHoldsSound(subject)) return 'holds'
  if (!areTellingsSound(subject)) return 'tellings'
  return undefined
}

/** One at most of each fact that the row has: it says whether a purge waits for a person. */
function areTellingsSound(subject: Subject): boolean {
  const { tellings = [] } = subject
  const names = new Set(tellings.map(({ of, atMs }) => `${of} ${atMs}`))
  return (
    names.size === tellings.length && tellings.every(one => hasFact(subject, one) && Number.isInteger(one.toldAtMs))
  )
}

/** Numbered from 1 without gaps, within bounds, and saying what a hold may say. */
function areHoldsSound({ holds }: Subject): boolean {
  if (holds.length > maxHolds) return false
  return holds.every(
    ({ n, kind, case: about, document }, at) =>
      n === at + 1 &&
      holdKinds.includes(kind) &&
      idPatterns.caseReference.test(about) &&
      (document === undefined || idPatterns.uuid.test(document)),
  )
}
