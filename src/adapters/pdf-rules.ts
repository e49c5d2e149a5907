import { limits } from '../domain/media.ts'
import type { PdfVerdict } from '../ports/pdfs.ts'
import { readPdfFile } from './pdf-file.ts'
import { Graph } from './pdf-graph.ts'
import { Inflation } from './pdf-streams.ts'
import { Allowance, isArray, isDict, type PdfDict, PdfName, PdfRefusal, PdfText, type PdfValue } from './pdf-values.ts'

/**
 * What a paper may hold. Names that start something are refused wherever they stand, in every version of every object, so that
 * no reference, escape, object stream or later revision leads around the rule; what may be there at the places that matter is
 * listed, and all else is refused. Nearly the list of PDF/A-1 (ISO 19005-1, 6.1.7, 6.1.10 to 6.1.12, 6.5, 6.6, 6.9).
 *
 * Links are allowed (bills have them): a viewer follows one only when a person clicks it, and the original is only ever sent
 * as an attachment. Their scheme is of the web, mail or telephone: a `file:` or a bare path would send a Windows password away.
 */
const refusedNames = new Set(
  `JavaScript JS Launch GoToR GoToE GoToDp SubmitForm ResetForm ImportData Rendition GoTo3DView RichMedia RichMediaExecute
   RichMediaContent RichMediaSettings XFA AcroForm AA EmbeddedFile EmbeddedFiles EF RF FileAttachment Filespec Collection
   Widget OPI MediaClip SetOCGState PresSteps SpiderInfo`.split(/\s+/),
)
const allowedActions = new Set(['GoTo', 'URI', 'Named'])
const refusedActions = new Set(['Sound', 'Movie', 'Thread', 'Hide', 'Trans', 'SetState', 'NOP'])
const allowedMoves = new Set(['NextPage', 'PrevPage', 'FirstPage', 'LastPage'])
const allowedAnnotations = new Set(
  `Link Text FreeText Highlight Underline Squiggly StrikeOut Stamp Ink Line Square Circle Polygon PolyLine Caret
   Popup`.split(/\s+/),
)
const refusedSubtypes = new Set(['Movie', 'Sound', 'Screen', '3D', 'PS', 'TrapNet', 'Projection'])
const allowedCatalogKeys = new Set(
  `Type Version Extensions Pages PageLabels Names Dests ViewerPreferences PageLayout PageMode Outlines OpenAction Lang
   StructTreeRoot MarkInfo Metadata OutputIntents PieceInfo OCProperties LastModified`.split(/\s+/),
)
const allowedPageKeys = new Set(
  `Type Parent Resources MediaBox CropBox BleedBox TrimBox ArtBox BoxColorInfo Contents Rotate Group Thumb B Dur Trans Annots
   Metadata PieceInfo StructParents ID PZ SeparationInfo Tabs UserUnit LastModified`.split(/\s+/),
)
const externalKeys = ['F', 'FFilter', 'FDecodeParms', 'Ref']

/** ISO 32000-1, Annex C: no side above 14,400 units. */
const maxUnits = 14_400
const maxImageSide = 20_000
const maxImagePixels = 120_000_000

const active = (rule: string): PdfRefusal => new PdfRefusal('file.active', rule)
const tooComplex = (rule: string): PdfRefusal => new PdfRefusal('file.too-complex', rule)

/** Judges one PDF. Never throws for what the file is; cost is bounded by `limits.pdf` and by the process that it runs in. */
export async function judgePdf(bytes: Buffer): Promise<PdfVerdict> {
  try {
    const allowance = new Allowance()
    const graph = new Graph(readPdfFile(bytes, allowance), allowance)
    for (const { value } of graph.file.objects) refuseActive(graph, value, allowance)
    for (const trailer of graph.file.trailers) refuseActive(graph, trailer, allowance)
    for (const catalog of graph.catalogs()) refuseCatalog(graph, catalog)
    const inflation = new Inflation(allowance)
    for (const { value, stream } of graph.file.objects) {
      allowance.checkTime()
      if (stream && isDict(value)) await refuseStream(graph, value, stream, inflation)
    }
    const { pages, leaves } = graph.pages(limits.pdf.maxPages)
    for (const page of pages) refuseKeys(page, allowedPageKeys, 'page-key')
    if (leaves > limits.pdf.maxPages || pages.length > limits.pdf.maxPages) throw new PdfRefusal('file.pages', 'pages')
    if (leaves === 0) throw new PdfRefusal('file.broken', 'pages')
    return { pages: leaves }
  } catch (error) {
    if (error instanceof PdfRefusal) return { pages: 0, refusal: { code: error.code, rule: error.rule } }
    throw error
  }
}

/** Every dictionary and name inside `value`, wherever it stands. Depth is bounded by the lexer. */
function refuseActive(graph: Graph, value: PdfValue, allowance: Allowance): void {
  allowance.spendValue()
  if (value instanceof PdfName) refuseName(value.text)
  if (isArray(value)) for (const item of value) refuseActive(graph, item, allowance)
  if (!isDict(value)) return
  for (const [key, item] of value) {
    refuseName(key)
    refuseActive(graph, item, allowance)
  }
  refuseActions(graph, value)
  refuseAnnotations(graph, value)
  refuseSizes(graph, value)
}

function refuseName(name: string): void {
  if (name === 'Encrypt') throw new PdfRefusal('file.encrypted', 'Encrypt')
  if (refusedNames.has(name)) throw active(name)
}

function refuseActions(graph: Graph, dict: PdfDict): void {
  for (const kind of graph.names(dict.get('S'))) if (refusedActions.has(kind)) throw active(kind)
  for (const key of ['A', 'PA', 'Next', 'OpenAction']) {
    // Fonts, structure elements and outlines have these keys too, for things that have no kind and so are no action.
    const held = key === 'Next' ? graph.flat(dict.get(key)) : graph.all(dict.get(key))
    for (const found of held) {
      if (isDict(found) && (found.has('S') || key === 'OpenAction')) refuseAction(graph, found, key)
    }
  }
  if (graph.names(dict.get('Type')).includes('Action')) refuseAction(graph, dict, 'Action')
  for (const target of graph.all(dict.get('URI'))) refuseTarget(target)
}

function refuseAction(graph: Graph, action: PdfDict, place: string): void {
  const kinds = graph.names(action.get('S'))
  if (kinds.length === 0 || !kinds.every(kind => allowedActions.has(kind))) throw active(place)
  if (place === 'OpenAction' && !kinds.every(kind => kind === 'GoTo')) throw active(place)
  if (kinds.includes('Named') && !graph.names(action.get('N')).every(move => allowedMoves.has(move))) {
    throw active('Named')
  }
}

function refuseTarget(target: PdfValue): void {
  if (!(target instanceof PdfText)) throw active('URI')
  if (!/^(https?:\/\/|mailto:|tel:|www\.)[\x20-\x7e]*$/i.test(plainText(target))) throw active('URI')
}

/** ISO 32000-1, 7.3.4.2: escapes undone, as a viewer would before it looks at the scheme. */
function plainText({ raw, hex }: PdfText): string {
  const latin1 = Buffer.from(raw).toString('latin1')
  if (hex) return Buffer.from(latin1.replace(/[\s\0]/g, '').padEnd(2, '0'), 'hex').toString('latin1')
  return latin1.replace(/\\(\r\n|[0-7]{1,3}|[\s\S])/g, (_: string, escaped: string) => {
    if (/^[0-7]/.test(escaped)) return String.fromCharCode(Number.parseInt(escaped, 8) & 0xff)
    return { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', '\n': '', '\r': '', '\r\n': '' }[escaped] ?? escaped
  })
}

function refuseAnnotations(graph: Graph, dict: PdfDict): void {
  const kinds = graph.names(dict.get('Subtype'))
  for (const kind of kinds) if (refusedSubtypes.has(kind)) throw active(kind)
  for (const each of graph.flat(dict.get('Annots'))) {
    if (each === null) continue
    const subtypes = isDict(each) ? graph.names(each.get('Subtype')) : []
    if (subtypes.length === 0 || !subtypes.every(kind => allowedAnnotations.has(kind))) throw active('annotation')
  }
}

function refuseSizes(graph: Graph, dict: PdfDict): void {
  const units = largest(graph.numbers(dict.get('UserUnit')))
  if (largest(graph.numbers(dict.get('MediaBox'))) * units > maxUnits) throw tooComplex('page-size')
  if (!graph.names(dict.get('Subtype')).includes('Image')) return
  const width = largest(graph.numbers(dict.get('Width')))
  const height = largest(graph.numbers(dict.get('Height')))
  if (Math.max(width, height) > maxImageSide || width * height > maxImagePixels) throw tooComplex('image-size')
}

/** The largest magnitude, at least 1. */
function largest(numbers: readonly number[]): number {
  return numbers.reduce((most, each) => Math.max(most, Math.abs(each)), 1)
}

function refuseCatalog(graph: Graph, catalog: PdfDict): void {
  refuseKeys(catalog, allowedCatalogKeys, 'catalog-key')
  for (const names of graph.all(catalog.get('Names'))) {
    if (names === null) continue
    if (!isDict(names)) throw new PdfRefusal('file.broken', 'names')
    refuseKeys(names, new Set(['Dests']), 'names-key')
  }
}

function refuseKeys(dict: PdfDict, allowed: ReadonlySet<string>, rule: string): void {
  for (const key of dict.keys()) if (!allowed.has(key)) throw active(rule)
}

async function refuseStream(graph: Graph, dict: PdfDict, stream: Buffer, inflation: Inflation): Promise<void> {
  for (const key of externalKeys) if (dict.has(key)) throw active('external-stream')
  if (graph.names(dict.get('Subtype2')).includes('PS')) throw active('PS')
  await inflation.measure(dict, stream)
}
