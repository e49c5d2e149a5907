import type { Caller, Reason } from '../domain/caller.ts'
import { type StoredDocument, wrappedKeyId } from '../domain/document.ts'
import { type ErrorCode, VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { DocumentId, TenantId } from '../domain/ids.ts'
import { documentContext } from '../domain/key-context.ts'
import { isVisible } from '../domain/view.ts'
import { admit, close, codeOf } from '../guards/admit.ts'
import { type Beside, besideIn } from '../guards/beside.ts'
import { type ExportedMessage, exportMessage } from '../guards/export-message.ts'
import { faultOf, type Recipient } from '../guards/message-header.ts'
import { tenantOf } from '../guards/tenancy.ts'
import type { Placed, Vault } from '../guards/vault.ts'
import { type Ciphertext, fetchCiphertext } from './ciphertext.ts'
import { refuseOverBudget, spendRead } from './read-budget.ts'

export interface ExportInput extends Beside {
  readonly id: DocumentId
  readonly reason: Reason
  /** Whose wrapping key alone opens the message. */
  readonly recipient: Recipient
  readonly signal: AbortSignal
}

export interface Exported {
  /** Generated; the client's own name is never kept. */
  readonly fileName: string
  readonly sizeBytes: number
  /** Where the entry of this export stands. */
  readonly receipt: Placed
  /** A message of the AWS Encryption SDK, to be iterated once: ciphertext, each frame verified before it is given. */
  readonly bytes: AsyncIterable<Uint8Array>
  /** Must be called once, on every path: frees what is open and puts the outcome on record. */
  readonly finish: (delivered: { readonly complete: boolean; readonly bytes: number }) => Promise<void>
}

/**
 * Gives a document out as a standard message that its recipient's wrapping key opens. The stored body is taken as it is; the
 * recipient's key names are in the entry, the key is nowhere.
 *
 * @param input.second, input.approval the second person, beside the caller or by their vote
 * @throws {VaultError} document.unknown, role.*, purpose.*, case.missing, budget.reads, document.purged, field.invalid -
 *   refused, on record
 * @throws {VaultError} keys.*, blobs.*, seal.broken - it cannot be opened; not one byte was given
 * @throws {VaultError} trail.unavailable - nothing is on record, so nothing is opened
 */
export async function exportDocument(vault: Vault, caller: Caller, input: ExportInput): Promise<Exported> {
  const tenant = tenantOf(vault, caller)
  const found = await vault.ledger.findDocument(tenant.id, input.id)
  const document = isVisible(found) ? found : undefined
  const stored = document?.state === 'stored' ? document : undefined
  const fault = faultOf(input.recipient)
  const { namespace, keyName } = input.recipient
  const { grant } = await admit(vault, caller, {
    action: 'document.export',
    resource: { known: document !== undefined, unknownCode: 'document.unknown' },
    reason: input.reason,
    document: input.id,
    ...besideIn(input),
    target: `export/${input.id} ${namespace} ${keyName}`,
    ...(document ? { subject: document.subject } : {}),
    // Names that are not of their form might be anything, so they stay out of the trail.
    ...(fault ? {} : { detail: { namespace, keyName } }),
    refuse: async () => {
      if (fault) return { code: 'field.invalid', facts: { field: `recipient.${fault}` } }
      if (!stored) return { code: 'document.purged' }
      return refuseOverBudget(vault, caller, spendRead(vault, caller))
    },
  })
  let ciphertext: Ciphertext | undefined
  try {
    if (!stored) throw new VaultError('document.purged')
    const range = { start: 0, end: stored.plaintextBytes, partial: false }
    ciphertext = fetchCiphertext(vault.blobs, stored, range, input.signal)
    const message = await openMessage(vault, grant, tenant.id, stored, ciphertext, input.recipient)
    return deliver(vault, grant, stored, message, ciphertext)
  } catch (error) {
    await ciphertext?.[Symbol.asyncDispose]()
    await close(vault, grant, { out: 'error', why: codeOf(error) }, error)
    throw error
  }
}

/** State and wrapped key are read after the intent is durable, so a destruction that came between is not overtaken. */
async function openMessage(
  vault: Vault,
  grant: Grant<'document.export'>,
  tenant: TenantId,
  before: StoredDocument,
  ciphertext: Ciphertext,
  recipient: Recipient,
): Promise<ExportedMessage> {
  const [document, key] = await Promise.all([
    vault.ledger.findDocument(tenant, before.id),
    vault.wrappedKeys.get(wrappedKeyId(before.messageId)),
  ])
  if (document?.state !== 'stored') throw new VaultError('document.purged')
  if (!key) throw new VaultError('keys.refused')
  const context = documentContext({ tenant, subject: document.subject, document: before.id })
  const sealed = { document, edks: key.edks, context, body: await ciphertext.body }
  return exportMessage(vault, grant, sealed, recipient)
}

function deliver(
  vault: Vault,
  grant: Grant<'document.export'>,
  document: StoredDocument,
  { header, body, sizeBytes }: ExportedMessage,
  ciphertext: Ciphertext,
): Exported {
  const { log, index, id, leafHash } = grant.intent
  let why: ErrorCode | 'client-gone' = 'client-gone'
  let finished: Promise<void> | undefined
  async function* bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield header
      yield* body
    } catch (error) {
      why = codeOf(error)
      throw error
    }
  }
  const finish = async (complete: boolean, delivered: number): Promise<void> => {
    await body[Symbol.asyncDispose]()
    await ciphertext[Symbol.asyncDispose]()
    const outcome = complete ? ({ out: 'done' } as const) : ({ out: 'broken', why } as const)
    await close(vault, grant, { ...outcome, detail: { bytes: delivered } })
  }
  return {
    fileName: `${document.type}-${document.id}.encrypted`,
    sizeBytes,
    receipt: { log, index, id, leafHash },
    bytes: bytes(),
    finish: delivered => {
      finished ??= finish(delivered.complete, delivered.bytes)
      return finished
    },
  }
}
