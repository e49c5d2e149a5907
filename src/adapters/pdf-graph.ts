import type { PdfFile } from './pdf-file.ts'
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

/**
 * Follows references. An object that the file holds in several versions stands for all of them: which one a reader takes is
 * the reader's choice, so a rule has to hold for each.
 */
export class Graph {
  readonly file: PdfFile
  readonly #allowance: Allowance
  readonly #versions = new Map<number, PdfValue[]>()

  constructor(file: PdfFile, allowance: Allowance) {
    this.file = file
    this.#allowance = allowance
    for (const { object, value } of file.objects) {
      const known = this.#versions.get(object)
      if (known) known.push(value)
      else this.#versions.set(object, [value])
    }
  }

  /** Every value that this may stand for; none for an absent key or a reference to nothing. */
  all(value: PdfValue | undefined): readonly PdfValue[] {
    if (value === undefined) return []
    if (!(value instanceof PdfRef)) return [value]
    const seen = new Set([value.object])
    const found: PdfValue[] = []
    for (const object of seen) {
      for (const version of this.#versions.get(object) ?? []) {
        this.#allowance.spendValue()
        if (version instanceof PdfRef) seen.add(version.object)
        else found.push(version)
      }
    }
    return found
  }

  /** The same, and the items where it is an array, each followed in turn. */
  flat(value: PdfValue | undefined): readonly PdfValue[] {
    return this.all(value).flatMap(each => (isArray(each) ? each.flatMap(item => this.all(item)) : [each]))
  }

  names(value: PdfValue | undefined): readonly string[] {
    return this.all(value).flatMap(each => (each instanceof PdfName ? [each.text] : []))
  }

  numbers(value: PdfValue | undefined): readonly number[] {
    return this.flat(value).filter(each => typeof each === 'number')
  }

  /** What a trailer calls the root, and whatever calls itself a catalog: a reader that repairs takes either. */
  catalogs(): readonly PdfDict[] {
    const roots = this.file.trailers.flatMap(trailer => this.all(trailer.get('Root'))).filter(isDict)
    const named = this.file.objects.map(({ value }) => value).filter(value => this.#isA(value, 'Catalog'))
    if (roots.length === 0) throw new PdfRefusal('file.broken', 'catalog')
    return [...new Set([...roots, ...named])]
  }

  /**
   * Every page dictionary, and how many leaves the tree of the last catalog has. Stops counting beyond `most`.
   * @throws {PdfRefusal} file.broken - the tree leads back to itself
   */
  pages(most: number): { readonly pages: readonly PdfDict[]; readonly leaves: number } {
    const named = this.file.objects.map(({ value }) => value).filter(value => this.#isA(value, 'Page'))
    const pages = new Set<PdfDict>(named)
    const root = this.file.trailers.map(trailer => this.all(trailer.get('Root')).at(-1)).findLast(isDict)
    const waiting: PdfValue[] = [this.all(root?.get('Pages')).at(-1) ?? null]
    const seen = new Set<PdfValue>()
    let leaves = 0
    for (let node = waiting.pop(); node !== undefined && leaves <= most; node = waiting.pop()) {
      if (!isDict(node) || seen.has(node)) throw new PdfRefusal('file.broken', 'page-tree')
      seen.add(node)
      const kids = this.all(node.get('Kids')).at(-1)
      if (isArray(kids)) waiting.push(...kids.map(kid => this.all(kid).at(-1) ?? null))
      else {
        pages.add(node)
        leaves += 1
      }
    }
    return { pages: [...pages], leaves }
  }

  #isA(value: PdfValue, type: string): value is PdfDict {
    return isDict(value) && this.names(value.get('Type')).includes(type)
  }
}
