import type { Document, PurgingDocument, StoredDocument } from '../domain/document.ts'
import type { DocumentId, SubjectId } from '../domain/ids.ts'
import type { PurgeItem, PurgeOutcome } from '../domain/purge-run.ts'
import { judge, type Retention, retentionOf, waitsForPerson } from '../domain/retention.ts'
import type { Subject } from '../domain/subject.ts'
import type { Tenant } from '../domain/tenant.ts'
import { livePapersOf } from '../guards/live-papers.ts'
import type { Vault } from '../guards/vault.ts'

/** One paper to destroy: by the line of a plan, or without one when it was given up already. */
export interface Target {
  readonly document: DocumentId
  readonly subject: SubjectId
  readonly planned?: PurgeItem
  /** Whether a person approved that plan, who is not the one who made it. */
  readonly approved?: boolean
}

/** A subject as it is now, with everything that is still of them, and the targets that are not any more. */
export interface SubjectFile {
  readonly subject: Subject | undefined
  readonly papers: ReadonlyMap<DocumentId, Document>
}

/** Reads the files of these subjects, and with them the targets. */
export async function readFiles(
  vault: Pick<Vault, 'ledger'>,
  tenant: Tenant,
  ids: readonly SubjectId[],
  targets: readonly Target[],
): Promise<ReadonlyMap<SubjectId, SubjectFile>> {
  // The papers after the persons: whoever moves one later has moved the person's version.
  const subjects = new Map((await vault.ledger.findSubjects(tenant.id, ids)).map(subject => [subject.id, subject]))
  const live = await livePapersOf(vault, tenant.id, ids)
  const papersOf = (id: SubjectId) => new Map((live.get(id) ?? []).map(document => [document.id, document]))
  const files = new Map(ids.map(id => [id, { subject: subjects.get(id), papers: papersOf(id) }]))
  const others = targets.filter(({ subject, document }) => !files.get(subject)?.papers.has(document))
  const found = await Promise.all(others.map(({ document }) => vault.ledger.findDocument(tenant.id, document)))
  for (const [at, { subject }] of others.entries()) {
    const document = found[at]
    if (document) files.get(subject)?.papers.set(document.id, document)
  }
  return files
}

/** What is to be done about one target now. */
export type Verdict =
  | {
      readonly do: 'shred'
      readonly document: StoredDocument
      readonly subject: Subject
      readonly retention: Retention
    }
  | { readonly do: 'finish'; readonly document: PurgingDocument }
  | { readonly do: 'nothing'; readonly outcome: PurgeOutcome }

const nothing = (outcome: PurgeOutcome): Verdict => ({ do: 'nothing', outcome })

/**
 * Judges a target anew. A plan's line stands only while it would be written again word for word: ground, basis, day, policy
 * and the paper itself unchanged. A person's row may have moved without any of that changing.
 */
export function judgeTarget(
  tenant: Tenant,
  { subject, papers }: SubjectFile,
  { document: id, planned, approved = false }: Target,
  nowMs: number,
): Verdict {
  const document = papers.get(id)
  switch (document?.state) {
    case 'purged':
      return nothing('destroyed')
    case 'purging':
      return { do: 'finish', document }
    case 'stored':
      break
    default:
      return nothing('gone')
  }
  if (!subject || !planned) return nothing('changed')
  const retention = retentionOf(tenant, subject, document)
  const verdict = judge(retention, nowMs)
  if (verdict === 'held' || verdict === 'early') return nothing(verdict)
  if (!retention || verdict === 'unknown' || !isAsPlanned(planned, document, retention)) return nothing('changed')
  // Who approved the plan approved this line of it as one that waits.
  const isApproved = approved && planned.waits !== undefined
  if (waitsForPerson(retention, nowMs) && !isApproved) return nothing('late')
  return { do: 'shred', document, subject, retention }
}

function isAsPlanned(planned: PurgeItem, document: StoredDocument, retention: Retention): boolean {
  return (
    planned.documentVersion === document.version &&
    planned.ground === retention.ground &&
    planned.basis === retention.basis &&
    planned.dueOn === retention.dueOn &&
    planned.policyVersion === retention.policyVersion
  )
}
