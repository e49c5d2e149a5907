/** Every segment of a JPEG or chunk of a PNG or WebP, in order, read byte by byte; bytes behind the end are `trailing`. */
export function segmentsOf(bytes: Uint8Array): readonly string[] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view[0] === 0xff) return jpegSegments(view)
  return view.toString('latin1', 0, 4) === 'RIFF' ? webpChunks(view) : pngChunks(view)
}

function jpegSegments(view: Buffer): readonly string[] {
  const found: string[] = []
  let at = 2
  while (at < view.length) {
    if (view[at] !== 0xff) throw new Error(`no marker at ${at}`)
    const marker = view[at + 1] ?? 0
    at += 2
    found.push(marker.toString(16))
    if (marker === 0xd9) break
    at += view.readUInt16BE(at)
    if (marker !== 0xda) continue
    while (!(view[at] === 0xff && view[at + 1] !== 0 && !isRestart(view[at + 1] ?? 0))) at += 1
  }
  return at < view.length ? [...found, 'trailing'] : found
}

const isRestart = (marker: number): boolean => marker >= 0xd0 && marker <= 0xd7

function pngChunks(view: Buffer): readonly string[] {
  const found: string[] = []
  let at = 8
  while (at < view.length && found.at(-1) !== 'IEND') {
    found.push(view.toString('latin1', at + 4, at + 8))
    at += 12 + view.readUInt32BE(at)
  }
  return at < view.length ? [...found, 'trailing'] : found
}

function webpChunks(view: Buffer): readonly string[] {
  const found: string[] = []
  const end = 8 + view.readUInt32LE(4)
  for (let at = 12; at < end; ) {
    found.push(view.toString('latin1', at, at + 4))
    const size = view.readUInt32LE(at + 4)
    at += 8 + size + (size % 2)
  }
  return end < view.length ? [...found, 'trailing'] : found
}
