import { randomBytes, randomUUID } from 'node:crypto'
import { blobKeyOf, type DepositingDocument, type StoredDocument, wrappedKeyId } from '../../src/domain/document.ts'
import type {
  DocumentId,
  MessageId,
  PersonId,
  ReviewId,
  SubjectId,
  SubjectReference,
  TenantId,
} from '../../src/domain/ids.ts'
import { newSubject, type Subject } from '../../src/domain/subject.ts'
import { newUuid7 } from '../../src/guards/uuid7.ts'
import type { Change } from '../../src/ports/ledger.ts'
import type { Ports } from '../../src/ports/ports.ts'
import { rawGrant } from './raw-grant.ts'

const atOnce = 64
const noSignal = new AbortController().signal

export interface Laid {
  readonly tenant: TenantId
  readonly count: number
  readonly sizeBytes: number
  readonly closedAtMs: number
  /** When the purge looks at them. */
  readonly lookAtMs: number
}

/**
 * Lays down papers of closed accounts below the guards, one a person, as deposits would leave them: person, row, review,
 * answer, wrapped key, and a body of that size, whose bytes are random instead of sealed. The trail knows nothing of them.
 */
export async function layPapers(ports: Ports, { count, ...laid }: Laid): Promise<void> {
  const body = randomBytes(laid.sizeBytes)
  for (let at = 0; at < count; at += atOnce) {
    const some = Math.min(atOnce, count - at)
    await Promise.all(Array.from({ length: some }, () => layOne(ports, laid, body)))
  }
}

async function layOne(ports: Ports, laid: Omit<Laid, 'count'>, body: Uint8Array): Promise<void> {
  const { tenant, closedAtMs } = laid
  const messageId = randomBytes(32).toString('hex') as MessageId
  const subject = closedPerson(laid)
  const core = {
    id: newUuid7() as DocumentId,
    tenant,
    subject: subject.id,
    type: 'id',
    kind: 'passport',
    policyVersion: 1,
    depositedBy: 'platform' as PersonId,
    createdAtMs: closedAtMs,
    messageId,
    blobKey: blobKeyOf(messageId),
    media: 'image/jpeg',
    uploadMac: randomBytes(32).toString('base64url'),
  } as const
  const answerKey = randomBytes(32).toString('base64url')
  const depositing: DepositingDocument = {
    ...core,
    state: 'depositing',
    deadlineMs: closedAtMs,
    answerKey,
    version: 1,
  }
  const stored: StoredDocument = {
    ...core,
    state: 'stored',
    fmt: 1,
    plaintextBytes: laid.sizeBytes,
    frameBytes: 65_536,
    commitKey: randomBytes(32).toString('base64'),
    bodySha256: randomBytes(32).toString('base64'),
    storedAtMs: closedAtMs,
    trail: { log: `${tenant}/2026`, index: 0 },
    version: 2,
  }
  const epoch = 'docs/1'
  const edks = [{ provider: 'vault', info: randomBytes(26), blob: randomBytes(48) }]
  const key = { id: wrappedKeyId(messageId), tenant, document: core.id, epoch, edks, createdAtMs: closedAtMs }
  const rest: readonly Change[] = [
    { row: 'document', expected: 1, put: stored },
    {
      row: 'review',
      expected: 0,
      put: {
        id: newUuid7() as ReviewId,
        tenant,
        document: core.id,
        subject: subject.id,
        state: 'pending',
        createdAtMs: closedAtMs,
        version: 1,
      },
    },
    {
      row: 'answer',
      expected: 0,
      put: {
        key: answerKey,
        tenant,
        fingerprint: answerKey,
        state: 'done',
        document: core.id,
        body: '{}',
        status: 201,
        expiresAtMs: Number.MAX_SAFE_INTEGER,
        version: 1,
      },
    },
  ]
  const { ledger, wrappedKeys, blobs } = ports
  await Promise.all([
    ledger.commit(rawGrant, [
      { row: 'subject', expected: 0, put: subject },
      { row: 'document', expected: 0, put: depositing },
    ]),
    ledger.commit(rawGrant, rest),
    wrappedKeys.put(rawGrant, key),
    blobs.put(rawGrant, core.blobKey, [body], noSignal),
  ])
}

/** A person whose account is closed. */
export function closedPerson({
  tenant,
  closedAtMs,
  lookAtMs,
}: Pick<Laid, 'tenant' | 'closedAtMs' | 'lookAtMs'>): Subject {
  const known = newSubject({
    id: randomUUID() as SubjectId,
    tenant,
    reference: randomUUID() as string as SubjectReference,
    openedBy: 'platform' as PersonId,
    openedAtMs: closedAtMs,
  })
  return { ...known, closedAtMs, lookAtMs, version: 1 }
}
