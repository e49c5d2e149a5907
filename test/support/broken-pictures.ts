import { crc32, deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { zip } from './metadata.ts'
import { drawAddressProof, drawIdCard, drawIdCardAs } from './papers.ts'

export interface BadPicture {
  readonly title: string
  readonly code: 'file.broken' | 'file.pixels' | 'file.frames' | 'file.type-not-accepted'
  readonly make: () => Promise<Buffer>
}

/** A PNG by hand: what a library would refuse to write. */
export function writePng(chunks: readonly (readonly [name: string, body: Buffer])[]): Buffer {
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
  return Buffer.concat([signature, ...chunks.map(([name, body]) => pngChunk(name, body))])
}

function pngChunk(name: string, body: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(name, 'latin1'), body])
  const chunk = Buffer.alloc(typed.length + 8)
  chunk.writeUInt32BE(body.length)
  typed.copy(chunk, 4)
  chunk.writeUInt32BE(crc32(typed), typed.length + 4)
  return chunk
}

function pngHeader(width: number, height: number): readonly [string, Buffer] {
  const body = Buffer.alloc(13)
  body.writeUInt32BE(width)
  body.writeUInt32BE(height, 4)
  body[8] = 8
  return ['IHDR', body]
}

/** Eight grey bits a pixel, all black: deflates a thousandfold. */
export function bombPng(width: number, height: number): Buffer {
  return writePng([
    pngHeader(width, height),
    ['IDAT', deflateSync(Buffer.alloc((width + 1) * height), { level: 9 })],
    ['IEND', Buffer.alloc(0)],
  ])
}

function animatedPng(padding: number): Buffer {
  const control = Buffer.alloc(8)
  control.writeUInt32BE(2)
  return writePng([
    pngHeader(16, 16),
    ...(padding > 0 ? [['tEXt', Buffer.alloc(padding, 'x')] as const] : []),
    ['acTL', control],
    ['IDAT', deflateSync(Buffer.alloc(17 * 16))],
    ['IEND', Buffer.alloc(0)],
  ])
}

async function animatedWebp(): Promise<Buffer> {
  const frames = await Promise.all(
    ['#a02020', '#2020a0'].map(background =>
      sharp({ create: { width: 32, height: 32, channels: 3, background } })
        .png()
        .toBuffer(),
    ),
  )
  return await sharp(frames, { join: { animated: true } })
    .webp({ loop: 0, delay: [100, 100] })
    .toBuffer()
}

const cut = (file: Buffer, share: number): Buffer => file.subarray(0, Math.floor(file.length * share))

/** A JPEG whose header claims other dimensions. */
async function lyingJpeg(width: number, height: number): Promise<Buffer> {
  const file = Buffer.from(await drawIdCard(300))
  const frame = file.indexOf(Buffer.from([0xff, 0xc0]))
  file.writeUInt16BE(height, frame + 5)
  file.writeUInt16BE(width, frame + 7)
  return file
}

const broken = (title: string, make: () => Promise<Buffer>): BadPicture => ({ title, code: 'file.broken', make })
const pixels = (title: string, make: () => Promise<Buffer>): BadPicture => ({ title, code: 'file.pixels', make })
const other = (title: string, make: () => Promise<Buffer>): BadPicture => ({
  title,
  code: 'file.type-not-accepted',
  make,
})

export const badPictures: readonly BadPicture[] = [
  broken('half a JPEG', async () => cut(await drawIdCard(600), 0.5)),
  broken('a JPEG without its last tenth', async () => cut(await drawIdCard(600), 0.9)),
  broken('half a PNG', async () => cut(await drawIdCardAs('png'), 0.5)),
  broken('half a WebP', async () => cut(await drawIdCardAs('webp'), 0.5)),
  broken('a JPEG signature and nothing else', async () => Buffer.from([0xff, 0xd8, 0xff, 0xe0])),
  broken('a JPEG signature and noise', async () =>
    Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(5_000, 'noise')]),
  ),
  broken('a PNG with a wrong checksum', async () => {
    const file = Buffer.from(await drawIdCardAs('png', 300))
    const at = file.indexOf('IDAT') + 400
    file[at] = (file[at] ?? 0) ^ 0xff
    return file
  }),
  broken('a JPEG that claims more rows than it has', () => lyingJpeg(300, 4_000)),
  pixels('a JPEG that claims 60,000 by 60,000', () => lyingJpeg(60_000, 60_000)),
  pixels('a PNG of 20,000 by 20,000 in 400 kB', async () => bombPng(20_000, 20_000)),
  pixels('a PNG of 7,900 by 7,900', async () => bombPng(7_900, 7_900)),
  pixels('a PNG one pixel high and 8,001 wide', async () => bombPng(8_001, 1)),
  { title: 'an animated WebP', code: 'file.frames', make: animatedWebp },
  { title: 'an animated PNG', code: 'file.frames', make: async () => animatedPng(0) },
  { title: 'an animated PNG that hides it behind text', code: 'file.frames', make: async () => animatedPng(9_000) },
  other('a GIF', async () =>
    sharp({ create: { width: 8, height: 8, channels: 3, background: '#fff' } })
      .gif()
      .toBuffer(),
  ),
  other('a GIF that is a PDF as well', async () =>
    Buffer.concat([Buffer.from('GIF89a\x01\0\x01\0\0\0\0', 'latin1'), drawAddressProof()]),
  ),
  other('an SVG', async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>')),
  other('a TIFF', async () =>
    sharp({ create: { width: 8, height: 8, channels: 3, background: '#fff' } })
      .tiff()
      .toBuffer(),
  ),
  other('an archive', async () => zip('a.txt')),
  other('a HEIC header', async () => Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\0\0', 'latin1')),
  other('a web page', async () => Buffer.from('<!doctype html><script>1</script>')),
  other('plain text', async () => Buffer.from('hello')),
]
