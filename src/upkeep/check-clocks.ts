import type { Finding } from '../domain/finding.ts'
import { holdKinds, maxHolds } from '../domain/hold.ts'
import { idPatterns } from '../domain/ids.ts'
import { retentionOf } from '../domain/retention.ts'
import { closedSince, type Subject } from '../domain/subject.ts'
import type { Tenant } from '../domain/tenant.ts'
import { livePapers } from '../guards/live-papers.ts'
import type { Checked } from './checking.ts'

/**
 * No paper is forgotten: of a closed account whatever no hold keeps is looked at by the purge on its day at the latest. Said only
 * once the tenant's clocks are reckoned by today's policy, which the purge does first of all.
 *
 * @param reckoned the version of the policy that they are reckoned by
 */
export async function findOverlooked(
  vault: Checked,
  tenant: Tenant,
  subject: Subject,
  reckoned: number | undefined,
): Promise<Finding | undefined> {
  if (reckoned !== tenant.version || closedSince(subject) === undefined) return undefined
  const { lookAtMs = Number.POSITIVE_INFINITY } = subject
  for (const paper of await livePapers(vault, tenant.id, subject.id)) {
    const retention = paper.state === 'stored' ? retentionOf(tenant, subject, paper) : undefined
    if (retention?.dueAtMs === undefined || retention.heldBy.length > 0 || lookAtMs <= retention.dueAtMs) continue
    return { code: 'subject.overlooked', tenant: tenant.id, subject: subject.id, document: paper.id }
  }
  return undefined
}

/** Whether a row's holds are numbered from 1 without gaps, within bounds, and say what a hold may say. */
export function areHoldsSound({ holds }: Subject): boolean {
  if (holds.length > maxHolds) return false
  return holds.every(
    ({ n, kind, case: about, document }, at) =>
      n === at + 1 &&
      holdKinds.includes(kind) &&
      idPatterns.caseReference.test(about) &&
      (document === undefined || idPatterns.uuid.test(document)),
  )
}
