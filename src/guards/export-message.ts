import type { Grant } from '../domain/grant.ts'
import type { Keyring } from '../ports/keyring.ts'
import { bodyBytesOf } from './frames.ts'
import { buildHeader, type Recipient, wrapFor } from './message-header.ts'
import { type OpenFrame, openFrames } from './open-frames.ts'
import { committedKeys, firstVerified, type OpenBytes, type SealedDocument } from './unseal.ts'

/** A whole message: a fresh header for the recipient, then the body as it is stored. */
export interface ExportedMessage {
  readonly header: Uint8Array
  /** The frames, each verified before any byte of it is given. To be iterated once; dispose of it on every path. */
  readonly body: OpenBytes
  /** Of header and body together. */
  readonly sizeBytes: number
}

/**
 * Makes a standard message of a sealed document: its data key is wrapped for the recipient alone, its body is not sealed
 * anew. No plaintext is given, and what verifying makes of it is wiped frame by frame.
 *
 * @param sealed with a body that reads the whole document
 * @throws {VaultError} keys.refused, keys.unavailable, seal.broken, blobs.unavailable - as `unseal`
 */
export async function exportMessage(
  vault: { readonly keyring: Pick<Keyring, 'unwrap'> },
  grant: Grant<'document.export'>,
  sealed: SealedDocument,
  recipient: Recipient,
): Promise<ExportedMessage> {
  const { document, context, body } = sealed
  const messageId = Buffer.from(document.messageId, 'hex')
  const dataKey = await vault.keyring.unwrap(grant, sealed.edks, context)
  try {
    const keys = committedKeys(dataKey, document)
    try {
      const edks = [wrapFor(recipient, dataKey, context)]
      const header = buildHeader({ messageId, context, edks, frameBytes: body.layout.frameBytes }, keys)
      const frames = await firstVerified(openFrames(keys.contentKey, messageId, body), storedOnly)
      return { header, body: frames, sizeBytes: header.length + bodyBytesOf(body.layout) }
    } catch (error) {
      keys.contentKey.fill(0)
      throw error
    }
  } finally {
    dataKey.fill(0)
  }
}

function storedOnly({ plaintext, stored }: OpenFrame): readonly Uint8Array[] {
  for (const piece of plaintext) piece.fill(0)
  return stored
}
