import { randomBytes, randomUUID } from 'node:crypto'
import type { Answer } from '../../src/domain/answer.ts'
import type { Approval } from '../../src/domain/approval.ts'
import type { ApiKey } from '../../src/domain/caller.ts'
import { type DeniedToken, denialIdOf } from '../../src/domain/denied-token.ts'
import {
  type AbandonedDocument,
  blobKeyOf,
  type DepositingDocument,
  type PurgedDocument,
  type PurgingDocument,
  type StoredDocument,
} from '../../src/domain/document.ts'
import type { Hold } from '../../src/domain/hold.ts'
import type {
  ApprovalId,
  CaseReference,
  DocumentId,
  MessageId,
  PersonId,
  PurgeRunId,
  ReviewId,
  SubjectId,
  SubjectReference,
  TenantId,
} from '../../src/domain/ids.ts'
import type { PurgePage, PurgeRun, RetentionState } from '../../src/domain/purge-run.ts'
import type { Desk, Review } from '../../src/domain/review.ts'
import type { Subject } from '../../src/domain/subject.ts'
import { newUuid7 } from '../../src/guards/uuid7.ts'

/** Complete rows of the ledger with fresh ids, for suites that write them directly. */

export const here = 'acme' as TenantId
export const elsewhere = 'other' as TenantId
export const person = 'p-1' as PersonId

export function aDocument(over: Partial<DepositingDocument> = {}): DepositingDocument {
  const messageId = randomBytes(32).toString('hex') as MessageId
  return {
    state: 'depositing',
    id: newUuid7() as DocumentId,
    tenant: here,
    subject: randomUUID() as SubjectId,
    type: 'id',
    kind: 'passport',
    policyVersion: 1,
    depositedBy: person,
    createdAtMs: 1_000,
    version: 1,
    messageId,
    blobKey: blobKeyOf(messageId),
    media: 'image/jpeg',
    uploadMac: randomBytes(32).toString('base64url'),
    deadlineMs: 180_000,
    answerKey: randomBytes(32).toString('base64url'),
    ...over,
  }
}

export function stored(document: DepositingDocument): StoredDocument {
  const { deadlineMs: _, answerKey: __, ...kept } = document
  return {
    ...kept,
    state: 'stored',
    version: document.version + 1,
    fmt: 1,
    plaintextBytes: 12_345,
    frameBytes: 65_536,
    commitKey: randomBytes(32).toString('base64'),
    bodySha256: randomBytes(32).toString('base64'),
    storedAtMs: 2_000,
    pixels: { width: 3_000, height: 2_000 },
    trail: { log: `${document.tenant}/2026`, index: 7 },
  }
}

export function abandoned(document: DepositingDocument, abandonedAtMs = 3_000): AbandonedDocument {
  const { deadlineMs: _, answerKey: __, ...kept } = document
  return { ...kept, state: 'abandoned', version: document.version + 1, abandonedAtMs }
}

export function purging(document: StoredDocument): PurgingDocument {
  return {
    ...document,
    state: 'purging',
    version: document.version + 1,
    purgingSinceMs: 4_000,
    purge: { kind: 'lapse', basis: 'term:contract', closedAtMs: 1_500 },
    attempts: 0,
  }
}

export function purged(document: PurgingDocument, purgedAtMs = 5_000): PurgedDocument {
  const { id, tenant, subject, type, policyVersion, storedAtMs, depositedBy } = document
  return {
    state: 'purged',
    id,
    tenant,
    subject,
    type,
    policyVersion,
    storedAtMs,
    purgedAtMs,
    basis: document.purge.basis,
    depositedBy,
    decidedBy: [depositedBy],
    certificate: { log: `${tenant}/2026`, index: 9 },
    version: document.version + 1,
  }
}

export function aSubject(over: Partial<Subject> = {}): Subject {
  return {
    id: randomUUID() as SubjectId,
    tenant: here,
    reference: `ref-${randomBytes(6).toString('hex')}` as SubjectReference,
    tier: 0,
    tierAtMs: 0,
    openedAtMs: 1_000,
    holds: [],
    openedBy: person,
    uploads: { day: '2026-11-22', count: 0 },
    version: 1,
    ...over,
  }
}

export function aHold(over: Partial<Hold> = {}): Hold {
  return {
    n: 1,
    kind: 'dispute',
    case: 'CASE-1' as CaseReference,
    placedBy: 'event',
    placedAtMs: 1_000,
    beganAtMs: 1_000,
    ...over,
  }
}

export function aReview(over: Partial<Review> = {}): Review {
  return {
    id: newUuid7() as ReviewId,
    tenant: here,
    document: newUuid7() as DocumentId,
    subject: randomUUID() as SubjectId,
    state: 'pending',
    createdAtMs: 1_000,
    version: 1,
    ...over,
  }
}

export function aDesk(over: Partial<Desk> = {}): Desk {
  return { tenant: here, person, open: [], version: 1, ...over }
}

export function anAnswer(over: Partial<Answer> = {}): Answer {
  return {
    key: randomBytes(32).toString('base64url'),
    tenant: here,
    fingerprint: randomBytes(32).toString('base64url'),
    state: 'open',
    expiresAtMs: 10_000,
    version: 1,
    ...over,
  }
}

export function anApiKey(over: Partial<ApiKey> = {}): ApiKey {
  return {
    keyId: randomBytes(8).toString('hex'),
    tenant: here,
    person,
    kind: 'person',
    roles: ['reviewer'],
    secretMac: randomBytes(32).toString('base64url'),
    createdAtMs: 1_000,
    version: 1,
    ...over,
  }
}

export function aDenial(over: Partial<Omit<DeniedToken, 'id'>> = {}): DeniedToken {
  const row = {
    tenant: here,
    issuer: 'https://login.example/realm',
    subject: randomUUID(),
    deniedAtMs: 1_000,
    expiresAtMs: 10_000,
    version: 1,
    ...over,
  }
  return { ...row, id: denialIdOf(row.issuer, row.subject, row.tokenId) }
}

export function aRun(over: Partial<PurgeRun> = {}): PurgeRun {
  return {
    id: newUuid7() as PurgeRunId,
    tenant: here,
    state: 'planned',
    asOfMs: 1_000,
    planHash: randomBytes(32).toString('hex'),
    count: 300,
    pages: 2,
    plannedBy: person,
    plannedAtMs: 1_000,
    expiresAtMs: 2_000,
    destroyed: 0,
    spared: 0,
    failed: 0,
    version: 1,
    ...over,
  }
}

export function aPage(over: Partial<PurgePage> = {}): PurgePage {
  const item = {
    document: newUuid7() as DocumentId,
    subject: randomUUID() as SubjectId,
    subjectVersion: 3,
    documentVersion: 2,
    ground: 'term' as const,
    basis: 'contract',
    dueOn: '2026-11-22',
    policyVersion: 1,
  }
  return { tenant: here, run: newUuid7() as PurgeRunId, n: 0, state: 'planned', items: [item], version: 1, ...over }
}

export function anApproval(over: Partial<Approval> = {}): Approval {
  return {
    id: newUuid7() as ApprovalId,
    tenant: here,
    action: 'document.erase',
    target: `document/${newUuid7()}`,
    state: 'pending',
    askedBy: person,
    askedAtMs: 1_000,
    endsAtMs: 2_000,
    version: 1,
    ...over,
  }
}

export function aRetentionState(over: Partial<RetentionState> = {}): RetentionState {
  return { tenant: here, policyVersion: 1, trustedMs: 1_000, version: 1, ...over }
}
