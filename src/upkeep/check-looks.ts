import type { Finding } from '../domain/finding.ts'
import { retentionOf } from '../domain/retention.ts'
import { closedSince, isUnanswered, isWhollyHeld, type Subject } from '../domain/subject.ts'
import type { Tenant } from '../domain/tenant.ts'
import { livePapers } from '../guards/live-papers.ts'
import type { Checked } from './checking.ts'

/**
 * No paper is forgotten by the clock: the purge looks at the person before it is due, and the row of a person goes with the last
 * that is kept of them.
 *
 * @param reckoned whether the looks of this tenant were reckoned by its policy of today
 */
export async function checkLook(
  vault: Checked,
  tenant: Tenant,
  subject: Subject,
  reckoned: boolean,
): Promise<readonly Finding[]> {
  const which = { tenant: tenant.id, subject: subject.id }
  const live = await livePapers(vault, tenant.id, subject.id)
  const findings: Finding[] = []
  for (const document of live) {
    if (document.state !== 'stored') continue
    const retention = retentionOf(tenant, subject, document)
    if (!retention) findings.push({ code: 'policy.unknown', ...which, document: document.id })
    if (!retention?.dueAtMs || retention.heldBy.length > 0 || !reckoned) continue
    const isLate = subject.lookAtMs === undefined || subject.lookAtMs > retention.dueAtMs
    if (isLate) findings.push({ code: 'look.late', ...which, document: document.id })
  }
  const isWaiting = closedSince(subject) === undefined || isUnanswered(subject) || isWhollyHeld(subject)
  if (live.length === 0 && !isWaiting && reckoned && subject.lookAtMs === undefined)
    findings.push({ code: 'subject.remains', ...which })
  return findings
}
