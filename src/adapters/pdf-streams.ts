import { constants, createInflate, inflateSync } from 'node:zlib'
import {
  type Allowance,
  isArray,
  isDict,
  type PdfDict,
  PdfName,
  PdfRef,
  PdfRefusal,
  type PdfValue,
} from './pdf-values.ts'

const MiB = 1024 * 1024
/** An A4 page at 600 dpi in colour is 100 MiB. */
const maxStreamBytes = 128 * MiB
const maxTotalBytes = 512 * MiB
/** Object streams hold dictionaries; 50,000 of them fit well. */
const maxObjectStreamBytes = 16 * MiB
const maxParameter = 100_000

const ascii = new Set(['ASCII85Decode', 'A85', 'ASCIIHexDecode', 'AHx'])
const flate = new Set(['FlateDecode', 'Fl'])
const runLength = new Set(['RunLengthDecode', 'RL'])
const pictures = new Set(['DCTDecode', 'DCT', 'CCITTFaxDecode', 'CCF', 'JPXDecode', 'JBIG2Decode'])

const tooComplex = (rule: string): PdfRefusal => new PdfRefusal('file.too-complex', rule)

/**
 * The filters of a stream, in the order of decoding: at most one ASCII coding, then one compression, then one picture coding.
 * LZW and Crypt are not taken (nor are they in PDF/A, ISO 19005-1, 6.1.10); two compressions on each other are a bomb.
 */
export function filtersOf(dict: PdfDict): readonly string[] {
  const given = dict.get('Filter') ?? null
  const list = isArray(given) ? given : given === null ? [] : [given]
  const names = list.map(filter => {
    if (!(filter instanceof PdfName)) throw tooComplex('filter')
    return filter.text
  })
  const stages = names.map(name => {
    if (ascii.has(name)) return 0
    if (flate.has(name) || runLength.has(name)) return 1
    if (pictures.has(name)) return 2
    throw tooComplex('filter')
  })
  if (stages.some((stage, i) => i > 0 && stage <= (stages[i - 1] ?? -1))) throw tooComplex('filters')
  refuseWideRows(dict.get('DecodeParms') ?? null)
  return names
}

/** A predictor row is allocated before it is read, so its width is a way to ask for memory. */
function refuseWideRows(parameters: PdfValue): void {
  for (const each of isArray(parameters) ? parameters : [parameters]) {
    // Any other place than the dictionary itself would have to be looked up; only JBIG2 needs one, inside of it.
    if (each instanceof PdfRef) throw tooComplex('decode-parameters')
    if (!isDict(each)) continue
    for (const value of each.values()) {
      if (typeof value === 'number' && Math.abs(value) > maxParameter) throw tooComplex('decode-parameters')
    }
  }
}

/** Counts what the streams of one file inflate to, and never holds more of it than a chunk. */
export class Inflation {
  readonly #allowance: Allowance
  #total = 0

  constructor(allowance: Allowance) {
    this.#allowance = allowance
  }

  /** @throws {PdfRefusal} file.too-complex - a deflate bomb; file.broken - not what its filter says */
  async measure(dict: PdfDict, body: Buffer): Promise<void> {
    const filters = filtersOf(dict)
    const at = filters.findIndex(name => flate.has(name))
    const packed = ascii.has(filters[0] ?? '') ? decodeAscii(filters[0] ?? '', body) : body
    this.#total +=
      at >= 0 ? await this.#inflated(packed) : filters.some(name => runLength.has(name)) ? runsOf(packed) : 0
    if (this.#total > maxTotalBytes) throw tooComplex('inflated')
  }

  async #inflated(packed: Buffer): Promise<number> {
    // Deflate cannot do better than 1,032 to 1, so a small stream cannot pass the limit, and is quicker done at once.
    return packed.length * 1_032 <= maxStreamBytes / 2
      ? inflateWhole(packed, maxStreamBytes).length
      : await this.#count(packed)
  }

  async #count(packed: Buffer): Promise<number> {
    const inflate = createInflate({ chunkSize: 256 * 1_024, finishFlush: constants.Z_SYNC_FLUSH })
    inflate.end(packed)
    let size = 0
    try {
      for await (const chunk of inflate) {
        size += (chunk as Buffer).length
        if (size > maxStreamBytes || this.#total + size > maxTotalBytes) throw tooComplex('inflated')
        this.#allowance.checkTime()
      }
    } catch (error) {
      throw error instanceof PdfRefusal ? error : new PdfRefusal('file.broken', 'deflate')
    }
    return size
  }
}

/** The plain bytes of an object stream. Only unfiltered and plain Flate are written in practice; anything else is refused. */
export function unpackObjectStream(dict: PdfDict, body: Buffer): Buffer {
  const filters = filtersOf(dict)
  if (filters.length === 0) return body
  if (filters.length > 1 || !flate.has(filters[0] ?? '')) throw tooComplex('object-stream-filter')
  const parameters = dict.get('DecodeParms') ?? null
  if (parameters !== null && !(isDict(parameters) && (parameters.get('Predictor') ?? 1) === 1)) {
    throw tooComplex('object-stream-filter')
  }
  return inflateWhole(body, maxObjectStreamBytes)
}

function inflateWhole(packed: Buffer, maxOutputLength: number): Buffer {
  try {
    return inflateSync(packed, { maxOutputLength, finishFlush: constants.Z_SYNC_FLUSH })
  } catch (error) {
    const tooLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
    throw tooLarge ? tooComplex('inflated') : new PdfRefusal('file.broken', 'deflate')
  }
}

/** Length of a run-length coding, ISO 32000-1, 7.4.5. */
function runsOf(packed: Buffer): number {
  let size = 0
  for (let at = 0; at < packed.length; ) {
    const length = packed[at] ?? 128
    if (length === 128) break
    size += length < 128 ? length + 1 : 257 - length
    at += length < 128 ? length + 2 : 2
  }
  return size
}

/** ISO 32000-1, 7.4.2 and 7.4.3. */
function decodeAscii(filter: string, body: Buffer): Buffer {
  if (filter === 'ASCIIHexDecode' || filter === 'AHx') {
    return Buffer.from((body.toString('latin1').split('>')[0] ?? '').replace(/[\0\t\n\f\r ]+/g, ''), 'hex')
  }
  const out = Buffer.alloc(body.length * 4 + 4)
  let [length, word, digits] = [0, 0, 0]
  for (const byte of body) {
    if (byte === 0x7e) break
    if (byte <= 0x20) continue
    if (byte === 0x7a && digits === 0) {
      length += 4
      continue
    }
    if (byte < 0x21 || byte > 0x75) throw new PdfRefusal('file.broken', 'ascii85')
    word = word * 85 + byte - 0x21
    digits += 1
    if (digits < 5) continue
    if (word > 0xffff_ffff) throw new PdfRefusal('file.broken', 'ascii85')
    length = out.writeUInt32BE(word, length)
    word = digits = 0
  }
  if (digits > 1) {
    for (let missing = digits; missing < 5; missing++) word = word * 85 + 84
    out.writeUInt32BE(Math.min(word, 0xffff_ffff), length)
    length += digits - 1
  }
  return out.subarray(0, length)
}
