import { limits } from '../domain/media.ts'
import { type Allowance, PdfName, PdfRef, PdfRefusal, PdfText, type PdfValue } from './pdf-values.ts'

const broken = (rule: string): PdfRefusal => new PdfRefusal('file.broken', rule)

/** ISO 32000-1, 7.2.2: 1 white space, 2 delimiter, 0 regular. A table, since every byte of syntax asks it. */
const classes = new Uint8Array(256)
for (const sign of '\0\t\n\f\r ') classes[sign.charCodeAt(0)] = 1
for (const sign of '()<>[]{}/%') classes[sign.charCodeAt(0)] = 2
const isWhite = (byte: number): boolean => classes[byte] === 1
const isRegular = (byte: number): boolean => classes[byte] === 0
const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39

/** Room for a page of text in a comment is room for another file type. */
const maxCommentBytes = 1_024

/**
 * Reads PDF syntax (ISO 32000-1, 7.3) strictly: what it does not know it refuses, where readers would guess. Two readers that
 * guess apart are how a file shows one thing to a check and another to a person.
 *
 * @throws {PdfRefusal} file.broken - not this syntax; file.too-complex - deeper or more than allowed
 */
export class PdfLexer {
  readonly bytes: Buffer
  readonly allowance: Allowance
  at: number

  constructor(bytes: Buffer, allowance: Allowance, at = 0) {
    this.bytes = bytes
    this.allowance = allowance
    this.at = at
  }

  peek(): number {
    return this.bytes[this.at] ?? -1
  }

  /** Past white space and comments. */
  skip(): void {
    for (;;) {
      while (isWhite(this.peek())) this.at += 1
      if (this.peek() !== 0x25) return
      const start = this.at
      while (this.at < this.bytes.length && this.peek() !== 10 && this.peek() !== 13) this.at += 1
      if (this.at - start > maxCommentBytes) throw broken('comment')
    }
  }

  /** Past `word` if it stands here as a whole token. */
  take(word: string): boolean {
    const end = this.at + word.length
    if (this.bytes.toString('latin1', this.at, end) !== word) return false
    if (end < this.bytes.length && isRegular(this.bytes[end] ?? 0)) return false
    this.at = end
    return true
  }

  /** A run of at most ten digits. */
  integer(rule: string): number {
    const start = this.at
    while (isDigit(this.peek())) this.at += 1
    const length = this.at - start
    if (length === 0 || length > 10) throw broken(rule)
    return Number(this.bytes.toString('latin1', start, this.at))
  }

  value(depth = 0): PdfValue {
    if (depth > limits.pdf.maxDepth) throw new PdfRefusal('file.too-complex', 'depth')
    this.allowance.spendValue()
    this.skip()
    const byte = this.peek()
    if (byte === 0x2f) return new PdfName(this.#name())
    if (byte === 0x28) return this.#literal()
    if (byte === 0x5b) return this.#array(depth)
    if (byte === 0x3c) return this.bytes[this.at + 1] === 0x3c ? this.dict(depth) : this.#hex()
    if (isDigit(byte)) return this.#numberOrReference()
    if (byte === 0x2b || byte === 0x2d || byte === 0x2e) return this.#number()
    if (this.take('true')) return true
    if (this.take('false')) return false
    if (this.take('null')) return null
    throw broken('syntax')
  }

  dict(depth = 0): ReadonlyMap<string, PdfValue> {
    if (this.bytes.toString('latin1', this.at, this.at + 2) !== '<<') throw broken('dictionary')
    this.at += 2
    const dict = new Map<string, PdfValue>()
    for (;;) {
      this.skip()
      if (this.peek() === 0x3e && this.bytes[this.at + 1] === 0x3e) break
      if (this.peek() !== 0x2f) throw broken('dictionary')
      const key = this.#name()
      // Some readers take the first of two equal keys, some the last.
      if (dict.has(key)) throw broken('duplicate-key')
      dict.set(key, this.value(depth + 1))
    }
    this.at += 2
    return dict
  }

  #array(depth: number): readonly PdfValue[] {
    this.at += 1
    const items: PdfValue[] = []
    for (;;) {
      this.skip()
      if (this.peek() === 0x5d) break
      items.push(this.value(depth + 1))
    }
    this.at += 1
    return items
  }

  #name(): string {
    const start = ++this.at
    while (this.at < this.bytes.length && isRegular(this.peek())) this.at += 1
    if (this.at - start > 512) throw broken('name')
    const raw = this.bytes.toString('latin1', start, this.at)
    if (!raw.includes('#')) return raw
    // A name that ends early for a reader written in C would be another name there.
    if (raw.includes('#00')) throw broken('name')
    return raw.replace(/#([0-9A-Fa-f]{2})/g, (_: string, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  }

  #literal(): PdfText {
    const start = ++this.at
    for (let open = 1; ; this.at += 1) {
      const byte = this.peek()
      if (byte === -1) throw broken('string')
      if (byte === 0x5c) this.at += 1
      else if (byte === 0x28) open += 1
      else if (byte === 0x29) open -= 1
      if (open === 0) break
    }
    this.at += 1
    return new PdfText(this.bytes.subarray(start, this.at - 1), false)
  }

  #hex(): PdfText {
    const start = this.at + 1
    const end = this.bytes.indexOf('>', start)
    if (end === -1) throw broken('string')
    const raw = this.bytes.subarray(start, end)
    if (!/^[0-9A-Fa-f\s\0]*$/.test(raw.toString('latin1'))) throw broken('string')
    this.at = end + 1
    return new PdfText(raw, true)
  }

  #number(): number {
    const start = this.at
    while (this.at < this.bytes.length && isRegular(this.peek())) this.at += 1
    const text = this.bytes.toString('latin1', start, Math.min(this.at, start + 64))
    if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text)) throw broken('number')
    return Number(text)
  }

  #numberOrReference(): number | PdfRef {
    const first = this.#number()
    const after = this.at
    if (!Number.isInteger(first)) return first
    this.skip()
    if (isDigit(this.peek())) {
      while (isDigit(this.peek())) this.at += 1
      this.skip()
      if (this.take('R')) return new PdfRef(first)
    }
    this.at = after
    return first
  }
}
