import type { Caller, Reason } from '../domain/caller.ts'
import { type StoredDocument, wrappedKeyId } from '../domain/document.ts'
import { VaultError } from '../domain/errors.ts'
import type { DocumentId, TenantId } from '../domain/ids.ts'
import { documentContext } from '../domain/key-context.ts'
import { fileExtensions, type MediaKind } from '../domain/media.ts'
import { isAssigned } from '../domain/review.ts'
import { isVisible } from '../domain/view.ts'
import { admit, close, codeOf, type Refusal } from '../guards/admit.ts'
import { tenantOf } from '../guards/tenancy.ts'
import { type OpenBytes, type Opening, unseal } from '../guards/unseal.ts'
import type { Placed, Vault } from '../guards/vault.ts'
import { type AskedRange, type ByteRange, etagOf, matches, resolveRange } from './byte-range.ts'
import { type Ciphertext, fetchCiphertext } from './ciphertext.ts'
import { refuseOverBudget } from './read-budget.ts'

export interface OpenInput {
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
  const [found, review] = await Promise.all([
    vault.ledger.findDocument(tenant.id, input.id),
    vault.ledger.findReviewOf(tenant.id, input.id),
  ])
  const document = isVisible(found) ? found : undefined
  const stored = document?.state === 'stored' ? document : undefined
  const range = stored && resolveRange(stored.plaintextBytes, etagOf(stored), input.range, input.ifRange)
  let ciphertext: Ciphertext | undefined
  try {
    const { grant } = await admit(vault, caller, {
      action: `document.open.${input.rendition}` as Opening,
      resource: {
        known: document !== undefined,
        unknownCode: 'document.unknown',
        assigned: isAssigned(review, caller.id, vault.clock.nowMs()),
      },
      reason: input.reason,
      document: input.id,
      ...(document ? { subject: document.subject } : {}),
      detail: { rendition: input.rendition, ...(range ? { from: range.start, to: range.end } : {}) },
      refuse: async () => {
        const refusal = refuseLook(input, stored, range) ?? (await refuseOverBudget(vault, caller))
        // Ciphertext means nothing without its key, so it may be on its way while the intent is being written.
        if (!refusal && stored && range && wantsBytes(input, stored)) {
          ciphertext = fetchCiphertext(vault.blobs, stored, range, input.signal)
        }
        return refusal
      },
    })
    try {
      const { current, edks } = await readAgain(vault, tenant.id, input.id, stored)
      if (!range) throw new VaultError('range.not-satisfiable')
      const facts = { etag: etagOf(current), receipt: receiptOf(grant.intent) }
      const done = async ({ complete, bytes }: { complete: boolean; bytes: number }): Promise<void> => {
        const outcome = complete ? ({ out: 'done' } as const) : ({ out: 'broken', why: 'client-gone' } as const)
        const detail = { rendition: input.rendition, from: range.start, to: range.end, bytes }
        await close(vault, grant, { ...outcome, detail })
      }
      if (matches(facts.etag, input.ifNoneMatch)) {
        await done({ complete: true, bytes: 0 })
        return { kind: 'not-modified', ...facts }
      }
      const opened = ciphertext && (await openBytes(vault, grant, tenant.id, input.id, current, edks, ciphertext))
      return {
        kind: 'content',
        media: current.media,
        fileName: `${current.type}-${current.id}.${fileExtensions[current.media]}`,
        sizeBytes: current.plaintextBytes,
        ...facts,
        ...range,
        bytes: opened ?? nothing(),
        finish: finishOnce(async delivered => {
          await opened?.[Symbol.asyncDispose]()
          await ciphertext?.[Symbol.asyncDispose]()
          await done(delivered)
        }),
      }
    } catch (error) {
      await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
      throw error
    }
  } catch (error) {
    await ciphertext?.[Symbol.asyncDispose]()
    throw error
  }
}

function refuseLook(
  input: OpenInput,
  stored: StoredDocument | undefined,
  range: ByteRange | undefined,
): Refusal | undefined {
  if (input.rendition !== 'original') return { code: 'rendition.not-offered', facts: { allowed: ['original'] } }
  if (!stored) return { code: 'document.purged' }
  return range ? undefined : { code: 'range.not-satisfiable', facts: { sizeBytes: stored.plaintextBytes } }
}

function wantsBytes(input: OpenInput, stored: StoredDocument): boolean {
  return !input.head && !matches(etagOf(stored), input.ifNoneMatch)
}

/** State and wrapped key as they are after the intent is durable. */
async function readAgain(vault: Vault, tenant: TenantId, id: DocumentId, before: StoredDocument | undefined) {
  if (!before) throw new VaultError('document.purged')
  const [current, key] = await Promise.all([
    vault.ledger.findDocument(tenant, id),
    vault.wrappedKeys.get(wrappedKeyId(before.messageId)),
  ])
  if (current?.state !== 'stored') throw new VaultError('document.purged')
  if (!key) throw new VaultError('keys.refused')
  return { current, edks: key.edks }
}

/** The expected context is made of the credential's tenant, the path's document and the row's subject. */
async function openBytes(
  vault: Vault,
  grant: Parameters<typeof unseal>[1],
  tenant: TenantId,
  id: DocumentId,
  document: StoredDocument,
  edks: Parameters<typeof unseal>[2]['edks'],
  ciphertext: Ciphertext,
): Promise<OpenBytes> {
  const context = documentContext({ tenant, subject: document.subject, document: id })
  return unseal(vault, grant, { document, edks, context, body: await ciphertext.body })
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

const receiptOf = ({ log, index, id, leafHash }: Placed): Placed => ({ log, index, id, leafHash })

/** Later calls wait for the first and do nothing themselves. */
function finishOnce<Input>(finish: (input: Input) => Promise<void>): (input: Input) => Promise<void> {
  let first: Promise<void> | undefined
  return input => (first ??= finish(input))
}
