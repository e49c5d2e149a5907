import { deflateSync } from 'node:zlib'

/** The text of one object, or a stream: a dictionary's entries and its bytes as they are written. */
export type PdfPart = string | { readonly dict: string; readonly body: Buffer }

/** A Flate stream with what else its dictionary holds. */
export function flate(body: Buffer | string, entries = ''): PdfPart {
  return { dict: `/Filter /FlateDecode ${entries}`, body: deflateSync(body) }
}

export interface PdfLayout {
  readonly version?: string
  readonly trailer?: string
  /** What stands between the last object and the table. */
  readonly extra?: string
}

/**
 * Writes a PDF with a cross-reference table. Parts become objects 1, 2, … in order; object 1 is the catalog.
 *
 * @source ISO 32000-1, 7.5
 */
export function writePdf(
  parts: readonly PdfPart[],
  { version = '1.7', trailer = '', extra = '' }: PdfLayout = {},
): Buffer {
  const chunks: Buffer[] = [Buffer.from(`%PDF-${version}\n%\xe2\xe3\xcf\xd3\n`, 'latin1')]
  let at = chunks[0]?.length ?? 0
  const offsets: number[] = []
  const push = (chunk: Buffer): void => {
    chunks.push(chunk)
    at += chunk.length
  }
  parts.forEach((part, i) => {
    offsets.push(at)
    push(Buffer.concat([Buffer.from(`${i + 1} 0 obj\n`), bodyOf(part), Buffer.from('\nendobj\n')]))
  })
  push(Buffer.from(extra, 'latin1'))
  const rows = offsets.map(offset => `${String(offset).padStart(10, '0')} 00000 n \n`).join('')
  const size = parts.length + 1
  const table = `xref\n0 ${size}\n0000000000 65535 f \n${rows}trailer\n<< /Size ${size} /Root 1 0 R ${trailer} >>\n`
  return Buffer.concat([...chunks, Buffer.from(`${table}startxref\n${at}\n%%EOF\n`, 'latin1')])
}

/** A revision behind a whole file, as an incremental update writes it (ISO 32000-1, 7.5.6). */
export function appendRevision(file: Buffer, object: number, part: PdfPart): Buffer {
  const previous = /startxref\s+(\d+)\s+%%EOF\s*$/.exec(file.toString('latin1'))?.[1] ?? '0'
  const body = Buffer.concat([Buffer.from(`${object} 0 obj\n`), bodyOf(part), Buffer.from('\nendobj\n')])
  const at = file.length + body.length
  const row = `${String(file.length).padStart(10, '0')} 00000 n \n`
  const end = `xref\n${object} 1\n${row}trailer\n<< /Size 100 /Root 1 0 R /Prev ${previous} >>\nstartxref\n${at}\n%%EOF\n`
  return Buffer.concat([file, body, Buffer.from(end)])
}

/** A PDF 1.5 file whose plain objects lie in one object stream, named by a cross-reference stream (7.5.7, 7.5.8). */
export function writePackedPdf(parts: readonly string[], pack: (inner: Buffer) => PdfPart = flate): Buffer {
  let offset = 0
  const places = parts.map((part, i) => {
    const place = `${i + 1} ${offset}`
    offset += part.length + 1
    return place
  })
  const head = `${places.join(' ')}\n`
  const packed = pack(Buffer.from(`${head}${parts.join('\n')}\n`, 'latin1'))
  if (typeof packed === 'string') throw new Error('an object stream is a stream')
  const container = parts.length + 1
  const entries = `/Type /ObjStm /N ${parts.length} /First ${head.length}`
  const start = Buffer.from('%PDF-1.5\n')
  const first = wrap(container, { dict: `${packed.dict} ${entries}`, body: packed.body })
  const rows = [
    [0, 0, 255],
    ...parts.map((_, i) => [2, container, i]),
    [1, start.length, 0],
    [1, start.length + first.length, 0],
  ]
  const table = Buffer.concat(
    rows.map(([kind = 0, place = 0, index = 0]) => Buffer.from([kind, place >> 16, place >> 8, place, index])),
  )
  const size = rows.length
  const second = wrap(container + 1, flate(table, `/Type /XRef /W [1 3 1] /Size ${size} /Root 1 0 R`))
  const end = Buffer.from(`startxref\n${start.length + first.length}\n%%EOF\n`)
  return Buffer.concat([start, first, second, end])
}

function wrap(object: number, part: PdfPart): Buffer {
  return Buffer.concat([Buffer.from(`${object} 0 obj\n`), bodyOf(part), Buffer.from('\nendobj\n')])
}

function bodyOf(part: PdfPart): Buffer {
  if (typeof part === 'string') return Buffer.from(part, 'latin1')
  const head = `<< ${part.dict} /Length ${part.body.length} >>\nstream\n`
  return Buffer.concat([Buffer.from(head, 'latin1'), part.body, Buffer.from('\nendstream')])
}
