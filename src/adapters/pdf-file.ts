import { PdfLexer } from './pdf-lexer.ts'
import { unpackObjectStream } from './pdf-streams.ts'
import { type Allowance, isDict, type PdfDict, PdfName, PdfRef, PdfRefusal, type PdfValue } from './pdf-values.ts'

export interface PdfObject {
  readonly object: number
  readonly value: PdfValue
  /** The coded bytes, where the object is a stream. */
  readonly stream?: Buffer
}

/** Everything that any reader could take for a part of the document, earlier versions of an object included. */
export interface PdfFile {
  readonly objects: readonly PdfObject[]
  /** Trailers and the dictionaries of cross-reference streams, in the order of the file. */
  readonly trailers: readonly PdfDict[]
}

const broken = (rule: string): PdfRefusal => new PdfRefusal('file.broken', rule)

/**
 * Reads a whole file from its first byte to its last, in order, without its cross-reference table: each byte belongs to an
 * object, a table, a trailer or a short comment, or the file is refused. Where a reader that follows the table, or one that
 * repairs a file by searching for objects, could find an object that this order does not have, the file is refused too.
 *
 * @throws {PdfRefusal} file.broken, file.too-complex, file.encrypted
 */
export function readPdfFile(bytes: Buffer, allowance: Allowance): PdfFile {
  if (!/^%PDF-(1\.[0-7]|2\.0)[\0\t\n\f\r ]/.test(bytes.toString('latin1', 0, 9))) throw broken('header')
  refuseTail(bytes)
  const sections = new Sections(bytes, allowance)
  sections.read()
  if (sections.trailers.some(trailer => (trailer.get('Encrypt') ?? null) !== null)) {
    throw new PdfRefusal('file.encrypted', 'Encrypt')
  }
  refuseHiddenObjects(bytes, sections.keywords, allowance)
  const inner = sections.objects.flatMap(each => objectsInside(each, allowance))
  return { objects: [...sections.objects, ...inner], trailers: sections.trailers }
}

class Sections {
  readonly objects: PdfObject[] = []
  readonly trailers: PdfDict[] = []
  /** Where each `obj` keyword stands that began an object. */
  readonly keywords = new Set<number>()
  readonly #lexer: PdfLexer
  readonly #allowance: Allowance
  /** Where a cross-reference table or stream begins. */
  readonly #tables = new Set<number>()
  #startxref: number | undefined

  constructor(bytes: Buffer, allowance: Allowance) {
    this.#lexer = new PdfLexer(bytes, allowance)
    this.#allowance = allowance
  }

  read(): void {
    const lexer = this.#lexer
    for (lexer.skip(); lexer.at < lexer.bytes.length; lexer.skip()) {
      const start = lexer.at
      if (lexer.take('xref')) this.#table(start)
      else if (lexer.take('trailer')) this.#trailer()
      else if (lexer.take('startxref')) this.#start()
      else this.#object(start)
    }
    // A file that was cut short has lost this line; one whose line leads nowhere would be repaired by guessing.
    if (this.#startxref === undefined) throw broken('startxref')
    lexer.at = this.#startxref
    lexer.skip()
    if (!this.#tables.has(lexer.at)) throw broken('startxref')
  }

  #object(start: number): void {
    const lexer = this.#lexer
    this.#allowance.spendObject()
    this.#startxref = undefined
    const object = lexer.integer('junk')
    lexer.skip()
    lexer.integer('junk')
    lexer.skip()
    this.keywords.add(lexer.at)
    if (lexer.bytes.toString('latin1', lexer.at, lexer.at + 3) !== 'obj') throw broken('junk')
    lexer.at += 3
    const value = lexer.value()
    lexer.skip()
    const stream = isDict(value) ? this.#stream(value) : undefined
    lexer.skip()
    if (!lexer.take('endobj')) throw broken('endobj')
    this.objects.push({ object, value, ...(stream ? { stream } : {}) })
    if (stream && isDict(value) && nameOf(value, 'Type') === 'XRef') {
      this.#tables.add(start)
      this.trailers.push(value)
    }
  }

  #stream(dict: PdfDict): Buffer | undefined {
    const lexer = this.#lexer
    if (lexer.bytes.toString('latin1', lexer.at, lexer.at + 6) !== 'stream') return undefined
    lexer.at += 6
    if (lexer.peek() === 13) lexer.at += 1
    if (lexer.peek() !== 10) throw broken('stream')
    const start = lexer.at + 1
    const length = dict.get('Length')
    if (typeof length === 'number' && Number.isInteger(length) && length >= 0) {
      lexer.at = start + length
      while (lexer.peek() === 13 || lexer.peek() === 10 || lexer.peek() === 32) lexer.at += 1
      if (lexer.take('endstream')) return lexer.bytes.subarray(start, start + length)
    }
    // Its length stands in another object, or is wrong: readers then search as well.
    const end = lexer.bytes.indexOf('endstream', start)
    if (end === -1) throw broken('stream')
    lexer.at = end + 'endstream'.length
    return lexer.bytes.subarray(start, end)
  }

  #table(start: number): void {
    const lexer = this.#lexer
    this.#tables.add(start)
    for (lexer.skip(); lexer.peek() >= 0x30 && lexer.peek() <= 0x39; lexer.skip()) {
      this.#allowance.spendValue()
      lexer.integer('xref')
      lexer.skip()
      lexer.integer('xref')
      lexer.skip()
      if (!lexer.take('n')) lexer.take('f')
    }
    if (!lexer.take('trailer')) throw broken('xref')
    this.#trailer()
  }

  #trailer(): void {
    this.#lexer.skip()
    this.trailers.push(this.#lexer.dict())
  }

  #start(): void {
    this.#lexer.skip()
    this.#startxref = this.#lexer.integer('startxref')
  }
}

/** Nothing but white space after the end: a second file behind the first is how one upload becomes two things. */
function refuseTail(bytes: Buffer): void {
  const end = bytes.lastIndexOf('%%EOF')
  if (end === -1) throw broken('end')
  if (/[^\0\t\n\f\r ]/.test(bytes.toString('latin1', end + 5))) throw broken('tail')
  // A ZIP archive ends in a directory record and a comment of at most 65,535 bytes, in which a trailer would fit.
  const directory = bytes.subarray(Math.max(0, bytes.length - 65_557)).indexOf('PK\x05\x06', 0, 'latin1')
  if (directory !== -1) throw broken('archive')
}

/** An `n g obj` that this order did not come by, in a stream, a string or a comment: a table could lead a reader there. */
function refuseHiddenObjects(bytes: Buffer, known: ReadonlySet<number>, allowance: Allowance): void {
  for (let at = bytes.indexOf('obj'); at !== -1; at = bytes.indexOf('obj', at + 3)) {
    if (known.has(at)) continue
    allowance.checkTime()
    const before = bytes.toString('latin1', Math.max(0, at - 400), at).replace(/%[^\r\n]*[\r\n]/g, ' ')
    if (/\d[\0\t\n\f\r ]+\d+[\0\t\n\f\r ]*$/.test(before)) throw broken('hidden-object')
  }
}

/**
 * The objects of an object stream (ISO 32000-1, 7.5.7). Readers find one by the table and need no `/Type`, so any stream with
 * a `/First` is taken for one.
 */
function objectsInside({ value, stream }: PdfObject, allowance: Allowance): readonly PdfObject[] {
  if (!stream || !isDict(value)) return []
  if (value.get('Type') instanceof PdfRef) throw broken('stream-type')
  if (nameOf(value, 'Type') !== 'ObjStm' && !value.has('First')) return []
  const [count, first] = [value.get('N'), value.get('First')]
  if (typeof count !== 'number' || typeof first !== 'number') throw broken('object-stream')
  const lexer = new PdfLexer(unpackObjectStream(value, stream), allowance)
  const places: { readonly object: number; readonly at: number }[] = []
  for (let i = 0; i < count; i++) {
    allowance.spendObject()
    lexer.skip()
    const object = lexer.integer('object-stream')
    lexer.skip()
    places.push({ object, at: first + lexer.integer('object-stream') })
  }
  return places.map(({ object, at }) => {
    lexer.at = at
    return { object, value: lexer.value() }
  })
}

function nameOf(dict: PdfDict, key: string): string | undefined {
  const value = dict.get(key)
  return value instanceof PdfName ? value.text : undefined
}
