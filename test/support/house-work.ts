import { createHash, randomUUID } from 'node:crypto'
import sharp from 'sharp'
import { openDocument } from '../../src/access/open-document.ts'
import { findProblems } from '../../src/commands/check.ts'
import type { Caller } from '../../src/domain/caller.ts'
import type { Finding } from '../../src/domain/finding.ts'
import type { CaseReference, DocumentId, PersonId, ReviewId, SubjectReference, TenantId } from '../../src/domain/ids.ts'
import type { Role } from '../../src/domain/role.ts'
import type { Answered } from '../../src/guards/idempotency.ts'
import type { Vault } from '../../src/guards/vault.ts'
import { deposit } from '../../src/intake/deposit.ts'
import { decideReview } from '../../src/review/decide-review.ts'
import { takeReview } from '../../src/review/take-review.ts'
import { noCounts } from '../../src/upkeep/checking.ts'

export const tenantId = 'jnetot' as TenantId
const noSignal = new AbortController().signal

/** Somebody of the tenant, without the door: what is under test here lies below it. */
export function callerAs(role: Role, id: string = role, tenant = tenantId): Caller {
  return {
    kind: role === 'onboarding' ? 'service' : 'person',
    id: id as PersonId,
    tenant,
    roles: [role],
    auth: 'key',
    credential: `key-of-${id}`,
    requestId: `req-${randomUUID()}`,
  }
}

/** A picture of noise, so that its size is about three bytes a pixel; the same for the same seed. */
export async function noisePicture(seed: number, side = 64): Promise<Uint8Array> {
  const pixels = Buffer.alloc(side * side * 3)
  for (let at = 0, block = 0; at < pixels.length; at += 32, block++) {
    createHash('sha256').update(`${seed}/${block}`).digest().copy(pixels, at)
  }
  return sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .png()
    .toBuffer()
}

/** What the vault keeps of a picture. */
export async function normalised(vault: Vault, picture: Uint8Array): Promise<Buffer> {
  return Buffer.from((await vault.images.normalise(picture, 'image/png', noSignal)).bytes)
}

export interface Paper {
  readonly reference: SubjectReference
  readonly key: string
  readonly bytes: Uint8Array
}

export function newPaper(bytes: Uint8Array): Paper {
  return { reference: `person-${randomUUID()}` as SubjectReference, key: randomUUID(), bytes }
}

export function depositPaper(
  vault: Vault,
  { reference, key, bytes }: Paper,
  caller = callerAs('onboarding'),
): Promise<Answered> {
  return deposit(vault, caller, {
    reference,
    type: 'id',
    kind: 'passport',
    idempotency: { scope: `POST /v1/subjects/${reference}/documents`, key },
    collect: async () => Uint8Array.from(bytes),
    signal: noSignal,
  })
}

/** Deposits a paper of a new subject. */
export async function storePaper(vault: Vault, bytes: Uint8Array): Promise<DocumentId> {
  return documentOf(await depositPaper(vault, newPaper(bytes)))
}

export const documentOf = ({ body }: Answered): DocumentId => JSON.parse(body).id
export const reviewOf = ({ body }: Answered): ReviewId => JSON.parse(body).review.id

/** Opens and reads the whole original as somebody who may; the bytes are handed on one by one as they come. */
export async function readPaper(
  vault: Vault,
  id: DocumentId,
  options: { readonly caller?: Caller; readonly onBytes?: (chunk: Uint8Array) => void } = {},
): Promise<Buffer> {
  const opened = await openDocument(vault, options.caller ?? callerAs('senior-reviewer'), {
    id,
    rendition: 'original',
    reason: { purpose: 'kyc', case: 'case/1' as CaseReference },
    head: false,
    signal: noSignal,
  })
  if (opened.kind !== 'content') throw new Error('not modified')
  const chunks: Uint8Array[] = []
  let complete = false
  try {
    for await (const chunk of opened.bytes) {
      options.onBytes?.(chunk)
      chunks.push(Uint8Array.from(chunk))
    }
    complete = true
  } finally {
    await opened.finish({ complete, bytes: chunks.reduce((sum, { length }) => sum + length, 0) })
  }
  return Buffer.concat(chunks)
}

export async function approve(vault: Vault, document: DocumentId, key: string, caller: Caller): Promise<Answered> {
  return decideReview(vault, caller, {
    document,
    decision: 'approve',
    reasons: ['matches-subject'],
    idempotency: { scope: `POST /v1/documents/${document}/reviews`, key },
  })
}

export async function take(vault: Vault, id: ReviewId, caller: Caller): Promise<void> {
  await takeReview(vault, caller, { id })
}

/** Everything that `check` says of an open vault. */
export async function findingsOf(vault: Vault, quick = false): Promise<readonly Finding[]> {
  return Array.fromAsync(findProblems(vault, noCounts(), quick))
}
