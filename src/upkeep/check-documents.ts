import { type Document, type PurgingDocument, type StoredDocument, wrappedKeyId } from '../domain/document.ts'
import type { Entry } from '../domain/entry.ts'
import type { Finding } from '../domain/finding.ts'
import type { DocumentId, SubjectId, TenantId } from '../domain/ids.ts'
import type { Page } from '../ports/ledger.ts'
import type { WrappedKey } from '../ports/wrapped-keys.ts'
import { checkBody } from './check-body.ts'
import { clearedAfterMs, everyItem, inGroups } from './check-pages.ts'
import { checkTombstone, overdueFindings } from './check-tombstones.ts'
import type { Checked, CheckOptions } from './checking.ts'
import { isKept, wrongField } from './document-row.ts'
import { EntryReader } from './entry-reader.ts'
import { isKeyOnRecord, isStoring } from './key-on-record.ts'

type Kept = StoredDocument | PurgingDocument
/** Bodies are read one after the other; what is asked of the rows goes together. */
const together = 32

/** Storing entries follow each other like their documents, rewrappings do not: each keeps its own last batches. */
interface Readers {
  readonly storing: EntryReader
  readonly rewrapping: EntryReader
  readonly certificate: EntryReader
}

/** Each row of a document, and what must stand beside it: person, key, body, storing entry, review. */
export async function* checkDocuments(
  vault: Checked,
  tenant: TenantId,
  options: CheckOptions,
): AsyncGenerator<Finding, void> {
  const documents = everyItem(
    (page: Page<DocumentId>) => vault.ledger.everyDocument(tenant, page),
    ({ id }) => id,
    options.signal,
  )
  const readers = {
    storing: new EntryReader(vault.batches),
    rewrapping: new EntryReader(vault.batches),
    certificate: new EntryReader(vault.batches),
  }
  for await (const group of inGroups(documents, together)) {
    const found = await Promise.all(group.map(document => checkRow(vault, tenant, document, readers)))
    for (const [at, document] of group.entries()) {
      options.counts.documents++
      const findings = found[at] ?? []
      yield* findings
      if (!isKept(document) || findings.some(({ code }) => code === 'document.malformed')) continue
      options.counts.stored++
      // Of one that is being destroyed key and body may be gone already.
      if (document.state === 'purging') continue
      yield* checkBody(vault.blobs, document, options)
    }
  }
}

async function checkRow(
  vault: Checked,
  tenant: TenantId,
  document: Document,
  readers: Readers,
): Promise<readonly Finding[]> {
  const which = { tenant, document: document.id }
  const detail = wrongField(document, tenant)
  if (detail !== undefined) return [{ code: 'document.malformed', ...which, detail }]
  const findings: Finding[] = []
  if (document.state !== 'purged') findings.push(...(await checkSubject(vault, tenant, document.subject, which)))
  const clearedBeforeMs = vault.clock.nowMs() - clearedAfterMs
  switch (document.state) {
    case 'depositing':
      if (document.deadlineMs < clearedBeforeMs) findings.push({ code: 'deposit.overdue', ...which })
      return findings
    case 'abandoned':
      if (document.abandonedAtMs < clearedBeforeMs) findings.push({ code: 'deposit.abandoned', ...which })
      return findings
    case 'purged':
      return checkTombstone(document, readers.certificate)
    case 'purging':
      findings.push(...overdueFindings(document, vault.clock.nowMs()))
      break
    case 'stored':
      if (!(await vault.ledger.findReviewOf(tenant, document.id))) findings.push({ code: 'review.missing', ...which })
  }
  const [key, entry] = await Promise.all([
    vault.wrappedKeys.get(wrappedKeyId(document.messageId)),
    readers.storing.at(document.trail),
  ])
  const ofKey = await keyFindings(document, key, entry, readers.rewrapping)
  findings.push(...ofKey, ...entryFindings(document, entry))
  return findings
}

async function checkSubject(
  vault: Checked,
  tenant: TenantId,
  subject: SubjectId,
  which: { readonly tenant: string; readonly document: string },
): Promise<readonly Finding[]> {
  const known = await vault.ledger.findSubjectById(tenant, subject)
  return known ? [] : [{ code: 'subject.missing', ...which, subject }]
}

/**
 * The key must name this document and be one that the trail tells of. Where the storing entry is no such entry, that is said by
 * itself, and of a key that was never wrapped anew nothing more can be known.
 */
async function keyFindings(
  document: Kept,
  key: WrappedKey | undefined,
  entry: Entry | undefined,
  reader: EntryReader,
): Promise<readonly Finding[]> {
  const which = { tenant: document.tenant, document: document.id, key: wrappedKeyId(document.messageId) }
  if (!key) return document.state === 'purging' ? [] : [{ code: 'key.missing', ...which }]
  if (key.tenant !== document.tenant) return [{ code: 'key.differs', ...which, detail: 'tenant' }]
  if (key.document !== document.id) return [{ code: 'key.differs', ...which, detail: 'document' }]
  if (!key.rewrapped && !isStoring(document, entry)) return []
  if (await isKeyOnRecord(reader, document, key, entry)) return []
  return [{ code: 'key.differs', ...which, detail: key.rewrapped ? 'rewrapped' : 'edks' }]
}

/** Whatever row and storing entry both say must be the same: the entry cannot be rewritten unnoticed, the row can. */
function entryFindings(document: Kept, entry: Entry | undefined): readonly Finding[] {
  const which = { tenant: document.tenant, document: document.id, ...document.trail }
  if (!entry) return [{ code: 'storing-entry.missing', ...which }]
  if (!isStoring(document, entry)) return [{ code: 'storing-entry.differs', ...which, detail: 'entry' }]
  const { det = {} } = entry
  const compared: readonly (readonly [string, unknown, unknown])[] = [
    ['tenant', document.tenant, entry.ten],
    ['subject', document.subject, entry.sub],
    ['depositedBy', document.depositedBy, entry.actor?.id],
    ['type', document.type, det.type],
    ['kind', document.kind, det.kind],
    ['media', document.media, det.media],
    ['policyVersion', document.policyVersion, det.policy],
    ['commitKey', document.commitKey, det.commitKey],
    ['bodySha256', document.bodySha256, det.bodySha256],
    ['plaintextBytes', document.plaintextBytes, det.p],
    ['frameBytes', document.frameBytes, det.f],
  ]
  return compared
    .filter(([, row, recorded]) => row !== recorded)
    .map(([detail]) => ({ code: 'storing-entry.differs', ...which, detail }))
}
