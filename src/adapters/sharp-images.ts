import type { Metadata, Sharp } from 'sharp'
import { VaultError } from '../domain/errors.ts'
import { type ImageKind, limits } from '../domain/media.ts'
import { Slots } from '../domain/slots.ts'
import type { ImageFacts, Images, NormalisedImage } from '../ports/images.ts'

type SharpModule = typeof import('sharp').default

/** A picture of 40 megapixels takes 160 MB while it is decoded. */
const decodeSlots = 2
const loaders = ['VipsForeignLoadJpegBuffer', 'VipsForeignLoadPngBuffer', 'VipsForeignLoadWebpBuffer']
const kinds: Readonly<Record<string, ImageKind>> = { jpeg: 'image/jpeg', png: 'image/png', webp: 'image/webp' }

/** libvips by sharp, with every loader blocked but three, and those for buffers only: no SVG, no path, no network. */
export class SharpImages implements Images {
  readonly #slots = new Slots(decodeSlots)
  #sharp: Promise<SharpModule> | undefined

  /** Loads the library ahead of the first picture, which would wait some 40 ms for it otherwise. */
  async warm(): Promise<void> {
    await this.#module()
  }

  async inspect(unverified: Uint8Array): Promise<ImageFacts> {
    const sharp = await this.#module()
    const { format, width, height, pages } = await headerOf(sharp(unverified, { limitInputPixels: false }))
    const kind = kinds[format]
    if (!kind || !width || !height) throw new VaultError('file.broken')
    const frames = kind === 'image/png' ? framesOfPng(unverified) : (pages ?? 1)
    return { kind, width, height, frames }
  }

  async normalise(unverified: Uint8Array, kind: ImageKind, signal: AbortSignal): Promise<NormalisedImage> {
    const sharp = await this.#module()
    return await this.#slots.run(signal, async () => {
      const picture = sharp(unverified, {
        failOn: 'warning',
        limitInputPixels: limits.image.maxPixels,
        autoOrient: true,
        sequentialRead: true,
      }).timeout({ seconds: limits.image.decodeTimeoutMs / 1_000 })
      const header = await headerOf(picture)
      if (kinds[header.format] !== kind) throw new VaultError('file.broken')
      const { data, info } = await encoded(picture, kind, header).toBuffer({ resolveWithObject: true }).catch(translate)
      signal.throwIfAborted()
      const bytes = kind === 'image/png' ? pixelsAlone(data) : data
      return { kind, bytes, width: info.width, height: info.height }
    })
  }

  #module(): Promise<SharpModule> {
    this.#sharp ??= import('sharp').then(({ default: sharp }) => {
      sharp.block({ operation: ['VipsForeignLoad'] })
      sharp.unblock({ operation: loaders })
      // The cache of operations would keep decoded papers in memory after their upload is over.
      sharp.cache(false)
      // Two pictures at once already fill two cores; more threads for each only cost memory.
      sharp.concurrency(1)
      return sharp
    })
    return this.#sharp
  }
}

/** Without any keep…Metadata or withMetadata, sharp converts to sRGB by the embedded profile and writes pixels alone. */
function encoded(picture: Sharp, kind: ImageKind, { chromaSubsampling }: Metadata): Sharp {
  switch (kind) {
    case 'image/jpeg':
      // Phones halve the colours; doing the same costs nothing more (50 dB), while full colours cost 20 % of size and a third
      // of the time. A picture that came with full colours, as screenshots do, keeps them: red print would blur.
      return picture.jpeg({
        quality: 90,
        chromaSubsampling: chromaSubsampling?.startsWith('4:4:4') ? '4:4:4' : '4:2:0',
      })
    case 'image/png':
      return picture.png({ compressionLevel: 6 })
    case 'image/webp':
      return picture.webp({ quality: 90, alphaQuality: 100, effort: 2 })
  }
}

async function headerOf(picture: Sharp): Promise<Metadata> {
  return await picture.metadata().catch(translate)
}

function translate(error: unknown): never {
  const message = error instanceof Error ? error.message : ''
  if (message.includes('exceeds pixel limit')) throw new VaultError('file.pixels', pixelLimit, error)
  if (message.includes('timeout')) throw new VaultError('file.too-complex', {}, error)
  throw new VaultError('file.broken', {}, error)
}

const pixelLimit = { limit: limits.image.maxPixels }

const pixelChunks = new Set(['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND'])

/** libvips hands on the resolution of a PNG (`pHYs`), which tells scanners apart; no chunk is needed but those of the pixels. */
function pixelsAlone(png: Buffer): Buffer {
  const kept = [png.subarray(0, 8)]
  for (let at = 8; at < png.length; ) {
    const end = at + 12 + png.readUInt32BE(at)
    if (pixelChunks.has(png.toString('latin1', at + 4, at + 8))) kept.push(png.subarray(at, end))
    at = end
  }
  return Buffer.concat(kept)
}

/** APNG, third edition of the PNG specification, 11.3.6: `acTL` before the image data holds the number of frames. */
function framesOfPng(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    const type = view.getUint32(at + 4)
    if (type === 0x6163_544c) return view.getUint32(at + 8)
    if (type === 0x4944_4154) return 1
  }
  return 1
}
