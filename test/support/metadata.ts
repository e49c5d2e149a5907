import sharp from 'sharp'

/** What a phone's picture may tell besides its pixels; each is in `withMetadata`'s picture and must be in no stored one. */
export const secrets = {
  maker: 'CanaryPhone',
  serial: 'SN-CANARY-0042',
  place: 'CANARY-PLACE',
  xmp: 'xmp-canary-creator',
  caption: 'IPTC-CANARY-CAPTION',
  comment: 'COM-CANARY-COMMENT',
  trailing: 'TRAILING-CANARY.txt',
} as const

type Entry = readonly [tag: number, type: 2 | 3 | 4 | 5, values: string | readonly number[]]

/**
 * The picture with an EXIF block (camera, serial, place, orientation 6, a thumbnail), XMP, IPTC, a comment, a wide-gamut
 * profile, and a ZIP archive behind its end. Its pixels are those of the picture, to be turned a quarter to the right.
 *
 * @source Exif 2.32 (CIPA DC-008), XMP part 3, IPTC-IIM 4.2
 */
export async function withMetadata(picture: Buffer): Promise<Buffer> {
  const [profiled, thumbnail] = await Promise.all([
    sharp(picture).withIccProfile('p3').jpeg().toBuffer(),
    sharp(picture).resize(120).jpeg().toBuffer(),
  ])
  const segments = [
    segment(0xe1, Buffer.concat([Buffer.from('Exif\0\0'), exif(thumbnail)])),
    segment(0xe1, Buffer.from(`http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>${secrets.xmp}</x:xmpmeta>`)),
    segment(0xed, Buffer.concat([Buffer.from('Photoshop 3.0\x008BIM\x04\x04\0\0', 'latin1'), iptc()])),
    segment(0xfe, Buffer.from(secrets.comment)),
  ]
  return Buffer.concat([profiled.subarray(0, 2), ...segments, profiled.subarray(2), zip(secrets.trailing)])
}

function segment(marker: number, body: Buffer): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0])
  head.writeUInt16BE(body.length + 2, 2)
  return Buffer.concat([head, body])
}

function iptc(): Buffer {
  const caption = Buffer.from(secrets.caption)
  const record = Buffer.concat([Buffer.from([0x1c, 2, 120, 0, caption.length]), caption])
  const size = Buffer.alloc(4)
  size.writeUInt32BE(record.length)
  return Buffer.concat([size, record])
}

/** A big-endian TIFF block of five directories; each is laid out with its long values behind it. */
function exif(thumbnail: Buffer): Buffer {
  const header = Buffer.from([0x4d, 0x4d, 0, 42, 0, 0, 0, 8])
  const camera: Entry[] = [
    [0xa431, 2, secrets.serial],
    [0x9003, 2, '2025:11:02 08:15:00'],
  ]
  const place: Entry[] = [
    [1, 2, 'S'],
    [2, 5, [6, 1, 10, 1, 30, 1]],
    [3, 2, 'E'],
    [4, 5, [106, 1, 49, 1, 12, 1]],
    [0x1b, 2, secrets.place],
  ]
  const main = (exifAt: number, gpsAt: number): Entry[] => [
    [0x010f, 2, secrets.maker],
    [0x0112, 3, [6]],
    [0x8769, 4, [exifAt]],
    [0x8825, 4, [gpsAt]],
  ]
  const mainSize = directory(main(0, 0), 8, 0).length
  const exifAt = 8 + mainSize
  const cameraBlock = directory(camera, exifAt, 0)
  const gpsAt = exifAt + cameraBlock.length
  const placeBlock = directory(place, gpsAt, 0)
  const previewAt = gpsAt + placeBlock.length
  const preview = (at: number): Buffer =>
    directory(
      [
        [0x0103, 3, [6]],
        [0x0201, 4, [at]],
        [0x0202, 4, [thumbnail.length]],
      ],
      previewAt,
      0,
    )
  const thumbnailAt = previewAt + preview(0).length
  const mainBlock = directory(main(exifAt, gpsAt), 8, previewAt)
  return Buffer.concat([header, mainBlock, cameraBlock, placeBlock, preview(thumbnailAt), thumbnail])
}

function directory(entries: readonly Entry[], at: number, next: number): Buffer {
  const table = Buffer.alloc(2 + entries.length * 12 + 4)
  table.writeUInt16BE(entries.length)
  table.writeUInt32BE(next, table.length - 4)
  const long: Buffer[] = []
  let longAt = at + table.length
  entries.forEach(([tag, type, values], i) => {
    const place = 2 + i * 12
    const body = bodyOf(type, values)
    const count = typeof values === 'string' ? body.length : type === 5 ? values.length / 2 : values.length
    table.writeUInt16BE(tag, place)
    table.writeUInt16BE(type, place + 2)
    table.writeUInt32BE(count, place + 4)
    if (body.length <= 4) {
      body.copy(table, place + 8)
      return
    }
    table.writeUInt32BE(longAt, place + 8)
    long.push(body)
    longAt += body.length
  })
  return Buffer.concat([table, ...long])
}

function bodyOf(type: number, values: string | readonly number[]): Buffer {
  if (typeof values === 'string') return Buffer.from(`${values}\0`)
  const width = type === 3 ? 2 : 4
  const body = Buffer.alloc(values.length * width)
  for (const [i, value] of values.entries()) {
    if (width === 2) body.writeUInt16BE(value, i * 2)
    else body.writeUInt32BE(value, i * 4)
  }
  return body
}

/** An archive of one empty file: what makes a picture a polyglot. */
export function zip(name: string): Buffer {
  const title = Buffer.from(name)
  const local = Buffer.alloc(30)
  local.write('PK\x03\x04', 'latin1')
  local.writeUInt16LE(title.length, 26)
  const central = Buffer.alloc(46)
  central.write('PK\x01\x02', 'latin1')
  central.writeUInt16LE(title.length, 28)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(central.length + title.length, 12)
  end.writeUInt32LE(local.length + title.length, 16)
  return Buffer.concat([local, title, central, title, end])
}
