import { blobKeyOf, type Document, type PurgingDocument, type StoredDocument } from '../domain/document.ts'
import { idPatterns, type TenantId } from '../domain/ids.ts'
import { mediaKinds, paperTypes } from '../domain/media.ts'
import { bodyBytesOf, layoutOf } from '../guards/frames.ts'

type Kept = StoredDocument | PurgingDocument
type Named = Exclude<Document, { state: 'purged' }>

/** True while its key and its body must be there. */
export function isKept(document: Document): document is Kept {
  return document.state === 'stored' || document.state === 'purging'
}

/** The first field of a row that says what no row of its state may say; undefined when all is well. */
export function wrongField(document: Document, tenant: TenantId): string | undefined {
  if (document.tenant !== tenant) return 'tenant'
  if (!idPatterns.uuid.test(document.id)) return 'id'
  if (!idPatterns.uuid.test(document.subject)) return 'subject'
  if (!paperTypes.includes(document.type)) return 'type'
  if (!isCount(document.version)) return 'version'
  switch (document.state) {
    case 'depositing':
      return wrongName(document) ?? (isCount(document.deadlineMs) ? undefined : 'deadlineMs')
    case 'abandoned':
      return wrongName(document) ?? (isCount(document.abandonedAtMs) ? undefined : 'abandonedAtMs')
    case 'stored':
    case 'purging':
      return wrongName(document) ?? wrongSeal(document)
    case 'purged':
      return isCount(document.purgedAtMs) ? undefined : 'purgedAtMs'
    default:
      return 'state'
  }
}

/** How many bytes the sealed body has. */
export function bodyBytes({ plaintextBytes, frameBytes }: Kept): number {
  return bodyBytesOf(layoutOf(plaintextBytes, frameBytes))
}

function wrongName(document: Named): string | undefined {
  if (!idPatterns.messageId.test(document.messageId)) return 'messageId'
  if (document.blobKey !== blobKeyOf(document.messageId)) return 'blobKey'
  return mediaKinds.includes(document.media) ? undefined : 'media'
}

function wrongSeal(document: Kept): string | undefined {
  if (document.fmt !== 1) return 'fmt'
  if (!Number.isSafeInteger(document.plaintextBytes) || document.plaintextBytes < 0) return 'plaintextBytes'
  if (!isCount(document.frameBytes) || document.frameBytes > 0xffff_fffe) return 'frameBytes'
  if (!is32Bytes(document.commitKey)) return 'commitKey'
  if (!is32Bytes(document.bodySha256)) return 'bodySha256'
  return isPlace(document.trail) ? undefined : 'trail'
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) > 0

/** 32 bytes as the one base64 text that they have. */
function is32Bytes(text: unknown): boolean {
  if (typeof text !== 'string') return false
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === 32 && bytes.toString('base64') === text
}

/** A place in the trail, whether anything stands there or not. */
export function isPlace(place: { readonly log: string; readonly index: number } | undefined): boolean {
  return typeof place?.log === 'string' && Number.isSafeInteger(place.index) && place.index >= 0
}
