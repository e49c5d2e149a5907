import { limits } from '../domain/media.ts'
import type { PdfVerdict } from '../ports/pdfs.ts'

export type PdfRefusalCode = NonNullable<PdfVerdict['refusal']>['code']

/** Why a PDF is not admitted; `rule` is a word of this check, never text of the file. */
export class PdfRefusal extends Error {
  readonly code: PdfRefusalCode
  readonly rule: string

  constructor(code: PdfRefusalCode, rule: string) {
    super(`${code} ${rule}`)
    this.code = code
    this.rule = rule
  }
}

/** A name with its `#xx` escapes decoded, so that `/J#61vaScript` and `/JavaScript` are one. */
export class PdfName {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** A reference by object number; the generation is not told apart, since readers differ on it. */
export class PdfRef {
  readonly object: number
  constructor(object: number) {
    this.object = object
  }
}

/** A string as it stands between its brackets; decoded only by the one rule that reads text. */
export class PdfText {
  readonly raw: Uint8Array
  readonly hex: boolean
  constructor(raw: Uint8Array, hex: boolean) {
    this.raw = raw
    this.hex = hex
  }
}

export type PdfDict = ReadonlyMap<string, PdfValue>
export type PdfValue = null | boolean | number | PdfName | PdfRef | PdfText | readonly PdfValue[] | PdfDict

export function isDict(value: PdfValue | undefined): value is PdfDict {
  return value instanceof Map
}

export function isArray(value: PdfValue | undefined): value is readonly PdfValue[] {
  return Array.isArray(value)
}

const maxValues = 3_000_000

/** What one check may still cost. Ends by itself, so that a child whose parent died does not run on. */
export class Allowance {
  readonly #deadlineMs = performance.now() + limits.pdf.checkTimeoutMs
  #values = 0
  #objects = 0

  /** @throws {PdfRefusal} file.too-complex - more values than a paper needs, or out of time */
  spendValue(): void {
    this.#values += 1
    if (this.#values > maxValues) throw new PdfRefusal('file.too-complex', 'values')
    if ((this.#values & 4_095) === 0) this.checkTime()
  }

  /** @throws {PdfRefusal} file.too-complex - more than `limits.pdf.maxObjects` */
  spendObject(): void {
    this.#objects += 1
    if (this.#objects > limits.pdf.maxObjects) throw new PdfRefusal('file.too-complex', 'objects')
    this.checkTime()
  }

  checkTime(): void {
    if (performance.now() > this.#deadlineMs) throw new PdfRefusal('file.too-complex', 'time')
  }
}
