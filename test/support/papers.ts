import { billPages } from './bill.ts'
import { Canvas, type Colour } from './canvas.ts'
import { drawFace } from './face.ts'
import { writePdf } from './pdf-writer.ts'

/** The project's own specimens: drawn by code, of nobody, and marked so. Same bytes for the same arguments on one machine. */

const navy: Colour = [24, 52, 104]
const grey: Colour = [96, 108, 124]

/** A national identity card as a phone would photograph it on a desk; JPEG. `width` in pixels, height is two thirds. */
export async function drawIdCard(width = 1_500): Promise<Buffer> {
  return (await idCard(width).picture()).jpeg({ quality: 92 }).toBuffer()
}

/** The same picture as PNG and WebP. */
export async function drawIdCardAs(format: 'png' | 'webp', width = 900): Promise<Buffer> {
  return (await idCard(width).picture()).toFormat(format).toBuffer()
}

function idCard(width: number): Canvas {
  const s = width / 1_500
  const height = Math.round(width / 1.5)
  const canvas = new Canvas(width, height, [120, 92, 70])
  canvas.fill((x, y) => {
    const wood = Math.sin((y + 18 * Math.sin(x / (90 * s))) / (7 * s)) * 7
    return [128 + wood, 98 + wood, 74 + wood]
  })
  const [left, top, right, bottom] = [70 * s, 60 * s, 1_430 * s, 930 * s]
  canvas.rect(left + 10 * s, top + 14 * s, right - left, bottom - top, [40, 28, 20], 0.35)
  canvas.fill((x, y) => {
    if (x < left || x > right || y < top || y > bottom) return undefined
    const wave =
      Math.sin(x / (26 * s) + 3 * Math.sin(y / (60 * s))) + Math.sin(y / (19 * s) + 2 * Math.sin(x / (80 * s)))
    const tint = Math.abs(wave) < 0.07 ? -26 : 0
    const slope = ((x - left) / (right - left)) * 24
    return [206 - slope + tint, 226 + tint * 0.6, 240 - slope * 0.3 + tint * 0.4]
  })
  canvas.rect(left, top, right - left, 122 * s, navy).rect(left, top + 122 * s, right - left, 8 * s, [198, 40, 44])
  const photo = { x: 1_040 * s, y: 250 * s, width: 320 * s, height: 420 * s }
  canvas.rect(photo.x - 4 * s, photo.y - 4 * s, photo.width + 8 * s, photo.height + 8 * s, [255, 255, 255])
  canvas.rect(photo.x, photo.y, photo.width, photo.height, [186, 44, 48])
  const inside = new Canvas(Math.round(photo.width), Math.round(photo.height), [176, 40, 46])
  drawFace(inside, inside.width / 2, inside.height * 0.42, 88 * s, {
    skin: [222, 174, 140],
    hair: [38, 28, 26],
    shirt: [232, 236, 242],
  })
  canvas.paste(inside, Math.round(photo.x), Math.round(photo.y))
  idCardText(canvas, s)
  return canvas.grain(10)
}

function idCardText(canvas: Canvas, s: number): void {
  const place = (text: string, x: number, y: number, size: number, colour?: Colour, font?: string) =>
    canvas.label({
      text,
      x: Math.round(x * s),
      y: Math.round(y * s),
      size: Math.max(6, Math.round(size * s)),
      ...(colour ? { colour } : {}),
      ...(font ? { font } : {}),
    })
  place('<b>REPUBLIK CONTOH</b>', 110, 82, 40, [255, 255, 255])
  place('KARTU TANDA PENDUDUK / IDENTITY CARD', 110, 136, 26, [206, 220, 244])
  place('No. 9999 0000 1234 5678', 110, 226, 44, navy, 'DejaVu Sans Mono')
  const rows = [
    ['Nama / Name', 'SARI CONTOH'],
    ['Tempat, tgl lahir / Born', 'KOTA CONTOH, 01-01-1990'],
    ['Alamat / Address', 'JL. MISAL NO. 1, RT 000/000'],
    ['Kewarganegaraan / Nationality', 'CONTOHIA'],
    ['Berlaku hingga / Valid until', '31-12-2035'],
  ]
  rows.forEach(([name = '', value = ''], i) => {
    place(name, 110, 312 + i * 98, 22, grey)
    place(value, 110, 342 + i * 98, 36)
  })
  place('<b>SPECIMEN</b>', 640, 800, 76, [198, 40, 44])
  place('Sari', 1_130, 720, 56, [32, 44, 120], 'DejaVu Serif Italic')
  place('IDCTHSARI9999000012345678', 110, 862, 34, [30, 34, 40], 'DejaVu Sans Mono')
}

/** A selfie: a drawn face before a wall with a window; JPEG, square, `side` pixels. */
export async function drawSelfie(side = 1_024): Promise<Buffer> {
  const s = side / 1_024
  const canvas = new Canvas(side, side, [206, 198, 186])
  canvas.fill((x, y) => {
    const light = 26 * (1 - x / side) - 30 * (y / side)
    return [206 + light, 200 + light, 190 + light]
  })
  canvas
    .rect(690 * s, 90 * s, 250 * s, 330 * s, [250, 250, 248])
    .rect(706 * s, 106 * s, 218 * s, 298 * s, [170, 208, 236])
  canvas
    .rect(810 * s, 106 * s, 10 * s, 298 * s, [250, 250, 248])
    .rect(706 * s, 250 * s, 218 * s, 10 * s, [250, 250, 248])
  drawFace(canvas, 500 * s, 500 * s, 210 * s, { skin: [214, 164, 128], hair: [34, 26, 24], shirt: [58, 96, 132] })
  canvas.label({
    text: 'SPECIMEN',
    x: Math.round(28 * s),
    y: Math.round(970 * s),
    size: Math.round(30 * s),
    colour: [90, 80, 70],
  })
  return (await canvas.grain(14).picture()).jpeg({ quality: 90 }).toBuffer()
}

/** A photograph of `megapixels`, for load: 12 is what a phone takes. JPEG. */
export async function drawPhotograph(megapixels: number): Promise<Buffer> {
  const width = Math.round(Math.sqrt((megapixels * 1_000_000 * 4) / 3))
  const small = await idCard(1_500).picture()
  const large = await small
    .resize(width, Math.round((width * 3) / 4), { fit: 'fill' })
    .raw()
    .toBuffer({ resolveWithObject: true })
  const canvas = Canvas.from(large.data, large.info.width, large.info.height)
  return (await canvas.grain(8).picture()).jpeg({ quality: 90 }).toBuffer()
}

/** A proof of address: an electricity bill of three pages; PDF with text, rules, a table and one link. */
export function drawAddressProof(): Buffer {
  return writePdf(billPages())
}

/** The same bill with a scanned attachment that makes it about `sizeBytes` large, for load. */
export function drawLargeAddressProof(sizeBytes: number): Buffer {
  const plain = drawAddressProof().length
  return writePdf(billPages(Math.max(0, sizeBytes - plain - 400)))
}
