import type { PurgedDocument, PurgingDocument } from '../domain/document.ts'
import type { Finding } from '../domain/finding.ts'
import type { Action } from '../domain/permission.ts'
import type { EntryReader } from './entry-reader.ts'

const dayMs = 86_400_000
/** What may certify a destruction: a purge, or the check after a restore that repeated one. */
const certifying: ReadonlySet<string> = new Set<Action>(['purge.execute', 'restore.check'])

/** A tombstone's certificate stands where it says and is of this very paper. */
export async function checkTombstone(document: PurgedDocument, reader: EntryReader): Promise<readonly Finding[]> {
  const { tenant, id, subject, certificate, basis, depositedBy, decidedBy } = document
  const which = { tenant, document: id, ...certificate }
  const entry = await reader.at(certificate)
  if (!entry) return [{ code: 'certificate.missing', ...which }]
  const compared: readonly (readonly [string, unknown, unknown])[] = [
    ['entry', certifying.has(entry.act) && entry.out, 'done'],
    ['document', entry.doc, id],
    ['tenant', entry.ten, tenant],
    ['subject', entry.sub, subject],
    ['basis', entry.det?.basis, basis],
    ['depositedBy', entry.det?.depositedBy, depositedBy],
    ['decidedBy', entry.det?.decidedBy?.toString(), decidedBy?.toString()],
  ]
  const differs = compared.find(([, said, kept]) => said !== kept)
  return differs ? [{ code: 'certificate.differs', ...which, detail: differs[0] }] : []
}

/** Whatever was given up is destroyed within a day, or somebody must look. */
export function overdueFindings({ tenant, id, purgingSinceMs }: PurgingDocument, nowMs: number): readonly Finding[] {
  return purgingSinceMs < nowMs - dayMs ? [{ code: 'purging.overdue', tenant, document: id }] : []
}
