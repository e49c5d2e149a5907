import type { Document } from '../domain/document.ts'
import { judge, retentionOf } from '../domain/retention.ts'
import type { Subject } from '../domain/subject.ts'
import type { Tenant } from '../domain/tenant.ts'

/** Whether a paper is due for destruction now, or its destruction is under way: what the role of the purge is shown in a list. */
export function isDue(tenant: Tenant, subject: Subject | undefined, document: Document, nowMs: number): boolean {
  if (document.state === 'purging') return true
  if (document.state !== 'stored' || !subject) return false
  return judge(retentionOf(tenant, subject, document), nowMs) === 'due'
}
