import { VaultError } from '../domain/errors.ts'
import { type ImageKind, limits, type MediaKind, mediaAllowed, mediaKinds, type PaperType } from '../domain/media.ts'
import type { Ports } from '../ports/ports.ts'

/** A file that is what it says, ready to be sealed. */
export interface Inspected {
  readonly media: MediaKind
  /** A picture is new bytes; a PDF is the buffer that came in, unchanged. */
  readonly bytes: Uint8Array
  /** Of a picture, as it is shown: orientation is applied. */
  readonly pixels?: { readonly width: number; readonly height: number }
  /** Of a PDF. */
  readonly pages?: number
}

export interface Inspection {
  readonly unverified: Uint8Array
  readonly type: PaperType
  readonly signal: AbortSignal
}

type Inspectors = Pick<Ports, 'sniffer' | 'images' | 'pdfs'>

/**
 * Decides by content what a file is, and lets nothing else through. Every size is known before anything is decoded.
 *
 * @throws {VaultError} file.empty, file.too-large - by bytes
 * @throws {VaultError} file.type-not-accepted - not a kind that this type of paper may be; `facts.allowed` lists them
 * @throws {VaultError} file.pixels, file.frames, file.pages, file.too-complex - beyond the limits, or too costly to tell
 * @throws {VaultError} file.broken, file.encrypted, file.active - not a sound file, or one that does more than show itself
 */
export async function inspect(vault: Inspectors, { unverified, type, signal }: Inspection): Promise<Inspected> {
  if (unverified.length === 0) throw new VaultError('file.empty')
  const media = accept(await vault.sniffer.mediaTypeOf(unverified), type)
  const { maxBytes } = media === 'application/pdf' ? limits.pdf : limits.image
  if (unverified.length > maxBytes) {
    throw new VaultError('file.too-large', { limit: maxBytes, actual: unverified.length })
  }
  signal.throwIfAborted()
  return media === 'application/pdf'
    ? await inspectPdf(vault, unverified, signal)
    : await inspectImage(vault, unverified, media, signal)
}

function accept(found: string | undefined, type: PaperType): MediaKind {
  // An animated PNG is a PNG by its frames, and refused for them.
  const media = mediaKinds.find(kind => kind === (found === 'image/apng' ? 'image/png' : found))
  if (media && mediaAllowed(type, media)) return media
  const allowed = mediaKinds.filter(kind => mediaAllowed(type, kind))
  const isHeic = found?.startsWith('image/heic') || found?.startsWith('image/heif')
  const detail = 'HEIC and HEIF are not accepted: send the picture as JPEG.'
  throw new VaultError('file.type-not-accepted', { allowed, ...(isHeic ? { detail } : {}) })
}

async function inspectPdf(vault: Inspectors, unverified: Uint8Array, signal: AbortSignal): Promise<Inspected> {
  const { pages, refusal } = await vault.pdfs.check(unverified, signal)
  if (refusal) {
    if (refusal.code === 'file.pages') throw new VaultError(refusal.code, { limit: limits.pdf.maxPages })
    throw new VaultError(refusal.code, { detail: `The PDF is refused by the rule ${refusal.rule}.` })
  }
  return { media: 'application/pdf', bytes: unverified, pages }
}

async function inspectImage(
  vault: Inspectors,
  unverified: Uint8Array,
  media: ImageKind,
  signal: AbortSignal,
): Promise<Inspected> {
  const { maxSidePixels, maxPixels, maxFrames } = limits.image
  const { kind, width, height, frames } = await vault.images.inspect(unverified)
  if (kind !== media) throw new VaultError('file.broken')
  const side = Math.max(width, height)
  if (side > maxSidePixels) throw new VaultError('file.pixels', { limit: maxSidePixels, actual: side })
  if (width * height > maxPixels) throw new VaultError('file.pixels', { limit: maxPixels, actual: width * height })
  if (frames > maxFrames) throw new VaultError('file.frames', { limit: maxFrames, actual: frames })
  const { bytes, ...normalised } = await vault.images.normalise(unverified, kind, signal)
  return { media, bytes, pixels: { width: normalised.width, height: normalised.height } }
}
