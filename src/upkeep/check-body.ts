import type { PurgingDocument, StoredDocument } from '../domain/document.ts'
import type { Finding } from '../domain/finding.ts'
import { codeOf } from '../guards/admit.ts'
import { hashOfStream } from '../guards/fingerprints.ts'
import type { Blobs, OpenBlob } from '../ports/blobs.ts'
import type { CheckOptions, Counts } from './checking.ts'
import { bodyBytes } from './document-row.ts'

type Kept = StoredDocument | PurgingDocument

/** The sealed body is there, has the one length it may have and, unless `quick`, the hash it was stored with. */
export async function* checkBody(
  blobs: Pick<Blobs, 'open'>,
  document: Kept,
  options: CheckOptions,
): AsyncGenerator<Finding, void> {
  const hashOf = (blob: OpenBlob) => hashOfStream(counted(blob.read(0, blob.sizeBytes, options.signal), options.counts))
  const which = { tenant: document.tenant, document: document.id, blob: document.blobKey }
  try {
    await using blob = await blobs.open(document.blobKey)
    if (blob.sizeBytes !== bodyBytes(document)) yield { code: 'blob.length', ...which }
    else if (!options.quick && (await hashOf(blob)) !== document.bodySha256) yield { code: 'blob.hash', ...which }
  } catch (error) {
    options.signal.throwIfAborted()
    const code = codeOf(error)
    if (code === 'blobs.missing') yield { code: 'blob.missing', ...which }
    else if (code === 'blobs.unavailable') yield { code: 'blob.unreadable', ...which }
    else throw error
  }
}

async function* counted(chunks: AsyncIterable<Uint8Array>, counts: Counts): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of chunks) {
    counts.hashedBytes += chunk.length
    yield chunk
  }
}
