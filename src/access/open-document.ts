import type { Caller, Reason } from '../domain/caller.ts'
import { type Document, type StoredDocument, wrappedKeyId } from '../domain/document.ts'
import { type ErrorCode, VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { DocumentId, TenantId } from '../domain/ids.ts'
import { documentContext } from '../domain/key-context.ts'
import { fileExtensions, type MediaKind } from '../domain/media.ts'
import { isAssigned } from '../domain/review.ts'
import { isVisible } from '../domain/view.ts'
import { admit, close, codeOf, type Refusal } from '../guards/admit.ts'
import { type Beside, besideIn } from '../guards/beside.ts'
import { keyringForRanges } from '../guards/open-keys.ts'
import { tenantOf } from '../guards/tenancy.ts'
import { type Opening, unseal } from '../guards/unseal.ts'
import type { Placed, Vault } from '../guards/vault.ts'
import { type AskedRange, type ByteRange, etagOf, matches, resolveRange } from './byte-range.ts'
import { type Ciphertext, fetchCiphertext } from './ciphertext.ts'
import { refuseOverBudget, spendRead } from './read-budget.ts'

export interface OpenInput extends Beside {
  readonly id: DocumentId
  readonly rendition: 'original' | 'preview' | 'masked'
  readonly reason: Reason
  /** Only what the answer's head would be; nothing is decrypted. */
  readonly head: boolean
  readonly range?: AskedRange
  readonly ifRange?: string
  readonly ifNoneMatch?: readonly string[] | '*'
  readonly signal: AbortSignal
}

/** Where the entry of this look stands: the reader's receipt. */
export interface Unchanged {
  readonly kind: 'not-modified'
  readonly etag: string
  readonly receipt: Placed
}

export interface Content {
  readonly kind: 'content'
  readonly media: MediaKind
  /** Generated; the client's own name is never kept. */
  readonly fileName: string
  readonly sizeBytes: number
  readonly etag: string
  /** [start, end) of the original. */
  readonly start: number
  readonly end: number
  readonly partial: boolean
  readonly receipt: Placed
  /** Verified plaintext, to be iterated once; empty for a look at the head. */
  readonly bytes: AsyncIterable<Uint8Array>
  /** Must be called once, on every path: frees what is open and puts the outcome on record. */
  readonly finish: (delivered: { readonly complete: boolean; readonly bytes: number }) => Promise<void>
}

/**
 * Opens the original. The intent is durable before the key is unwrapped, and state and key are read again after it, so a
 * destruction that came between is not overtaken.
 *
 * @throws {VaultError} document.unknown, role.*, purpose.*, case.missing, rendition.not-offered, range.not-satisfiable,
 *   budget.reads, document.purged - refused, on record
 * @throws {VaultError} keys.*, blobs.*, seal.broken - it cannot be opened; not one byte was given
 * @throws {VaultError} trail.unavailable - nothing is on record, so nothing is opened
 */
export async function openDocument(vault: Vault, caller: Caller, input: OpenInput): Promise<Content | Unchanged> {
  const tenant = tenantOf(vault, caller)
  const spending = spendRead(vault, caller)
  const [found, review] = await Promise.all([
    vault.ledger.findDocument(tenant.id, input.id),
    vault.ledger.findReviewOf(tenant.id, input.id),
  ])
  const document = isVisible(found) ? found : undefined
  const stored = document?.state === 'stored' ? document : undefined
  const range = stored && resolveRange(stored.plaintextBytes, etagOf(stored), input.range, input.ifRange)
  let ciphertext: Ciphertext | undefined
  const { grant } = await admit(vault, caller, {
    action: `document.open.${input.rendition}` as Opening,
    resource: {
      known: document !== undefined,
      unknownCode: 'document.unknown',
      assigned: isAssigned(review, caller.id, vault.clock.nowMs()),
    },
    reason: input.reason,
    ...besideIn(input),
    target: `document/${input.id}`,
    document: input.id,
    ...(document ? { subject: document.subject } : {}),
    detail: { rendition: input.rendition, ...(range ? { from: range.start, to: range.end } : {}) },
    refuse: async () => {
      const refusal = refuseLook(input, document, range) ?? (await refuseOverBudget(vault, caller, spending))
      // Ciphertext means nothing without its key, so it may be on its way while the intent is being written.
      if (!refusal && stored && range && wantsBytes(input, stored)) {
        ciphertext = fetchCiphertext(vault.blobs, stored, range, input.signal)
      }
      return refusal
    },
  }).catch(error => freeAndThrow(ciphertext, error))
  try {
    if (!stored || !range) throw new VaultError('document.purged')
    return await deliver(vault, caller, grant, tenant.id, input, stored, range, ciphertext)
  } catch (error) {
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    return await freeAndThrow(ciphertext, error)
  }
}

async function freeAndThrow(ciphertext: Ciphertext | undefined, error: unknown): Promise<never> {
  await ciphertext?.[Symbol.asyncDispose]()
  throw error
}

async function deliver(
  vault: Vault,
  caller: Caller,
  grant: Grant<Opening>,
  tenant: TenantId,
  input: OpenInput,
  before: StoredDocument,
  range: ByteRange,
  ciphertext: Ciphertext | undefined,
): Promise<Content | Unchanged> {
  const { current, edks } = await readAgain(vault, tenant, before)
  const { log, index, id, leafHash } = grant.intent
  const facts = { etag: etagOf(current), receipt: { log, index, id, leafHash } }
  const place = { rendition: input.rendition, from: range.start, to: range.end }
  if (matches(facts.etag, input.ifNoneMatch)) {
    await close(vault, grant, { out: 'done', detail: { ...place, bytes: 0 } })
    return { kind: 'not-modified', ...facts }
  }
  // The expected context: the credential's tenant, the path's document, the row's subject.
  const context = documentContext({ tenant, subject: current.subject, document: input.id })
  const keyring = range.partial ? keyringForRanges(vault, caller) : vault.keyring
  const sealed = ciphertext && { document: current, edks, context, body: await ciphertext.body }
  const opened = sealed && (await unseal({ keyring }, grant, sealed))
  let why: ErrorCode | 'client-gone' = 'client-gone'
  async function* bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      if (opened) yield* opened
    } catch (error) {
      why = codeOf(error)
      throw error
    }
  }
  return {
    kind: 'content',
    media: current.media,
    fileName: `${current.type}-${current.id}.${fileExtensions[current.media]}`,
    sizeBytes: current.plaintextBytes,
    ...facts,
    ...range,
    bytes: bytes(),
    finish: finishOnce(async delivered => {
      await opened?.[Symbol.asyncDispose]()
      await ciphertext?.[Symbol.asyncDispose]()
      const outcome = delivered.complete ? ({ out: 'done' } as const) : ({ out: 'broken', why } as const)
      await close(vault, grant, { ...outcome, detail: { ...place, bytes: delivered.bytes } })
    }),
  }
}

function refuseLook(
  input: OpenInput,
  document: Document | undefined,
  range: ByteRange | undefined,
): Refusal | undefined {
  if (document?.state === 'purged') {
    return { code: 'document.purged', facts: { certificate: `/v1/documents/${document.id}/certificate` } }
  }
  if (document?.state !== 'stored') return { code: 'document.purged' }
  if (input.rendition !== 'original') return { code: 'rendition.not-offered', facts: { allowed: ['original'] } }
  return range ? undefined : { code: 'range.not-satisfiable', facts: { sizeBytes: document.plaintextBytes } }
}

function wantsBytes(input: OpenInput, stored: StoredDocument): boolean {
  return !input.head && !matches(etagOf(stored), input.ifNoneMatch)
}

/** State and wrapped key as they are after the intent is durable. */
async function readAgain(vault: Vault, tenant: TenantId, before: StoredDocument) {
  const [current, key] = await Promise.all([
    vault.ledger.findDocument(tenant, before.id),
    vault.wrappedKeys.get(wrappedKeyId(before.messageId)),
  ])
  if (current?.state !== 'stored') throw new VaultError('document.purged')
  if (!key) throw new VaultError('keys.refused')
  return { current, edks: key.edks }
}

/** Later calls wait for the first and do nothing themselves. */
function finishOnce<Input>(finish: (input: Input) => Promise<void>): (input: Input) => Promise<void> {
  let first: Promise<void> | undefined
  return input => (first ??= finish(input))
}
