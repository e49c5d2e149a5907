import { randomBytes, randomUUID } from 'node:crypto'
import type { Answer } from '../../src/domain/answer.ts'
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
import type {
  DocumentId,
  MessageId,
  PersonId,
  ReviewId,
  SubjectId,
  SubjectReference,
  TenantId,
} from '../../src/domain/ids.ts'
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
  return { ...document, state: 'purging', version: document.version + 1, purgingSinceMs: 4_000 }
}

export function purged(document: PurgingDocument): PurgedDocument {
  const { id, tenant, subject, type, policyVersion, storedAtMs } = document
  return {
    state: 'purged',
    id,
    tenant,
    subject,
    type,
    policyVersion,
    storedAtMs,
    purgedAtMs: 5_000,
    basis: 'lapse',
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
    openedBy: person,
    uploads: { day: '2026-11-22', count: 0 },
    version: 1,
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
