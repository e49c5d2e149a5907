import { deflateSync } from 'node:zlib'
import { zip } from './metadata.ts'
import { drawAddressProof } from './papers.ts'
import { appendRevision, flate, type PdfPart, writePackedPdf, writePdf } from './pdf-writer.ts'

export interface BadPdf {
  readonly title: string
  readonly code: 'file.broken' | 'file.encrypted' | 'file.active' | 'file.pages' | 'file.too-complex'
  readonly make: () => Buffer
}

interface Extras {
  readonly catalog?: string
  readonly page?: string
  readonly more?: readonly PdfPart[]
  readonly content?: PdfPart
  readonly trailer?: string
}

/** A page with room for trouble: objects 1 to 4 are catalog, pages, page and content; `more` begins at 5. */
export function trouble({
  catalog = '',
  page = '',
  more = [],
  content = flate('0 0 m'),
  trailer = '',
}: Extras): Buffer {
  return writePdf(plainParts(catalog, page, content, more), { trailer })
}

function plainParts(catalog: string, page: string, content: PdfPart, more: readonly PdfPart[]): readonly PdfPart[] {
  return [
    `<< /Type /Catalog /Pages 2 0 R ${catalog} >>`,
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R ${page} >>`,
    content,
    ...more,
  ]
}

const script = '<< /S /JavaScript /JS (app.alert\\(1\\)) >>'
const annotation = (entries: string): string => `/Annots [<< /Type /Annot /Rect [0 0 9 9] ${entries} >>]`
const link = (action: string): string => annotation(`/Subtype /Link /A << ${action} >>`)
const bomb = (): PdfPart => ({ dict: '/Filter /FlateDecode', body: deflateSync(Buffer.alloc(200_000_000)) })
const image = (entries: string): PdfPart => ({
  dict: `/Type /XObject /Subtype /Image ${entries}`,
  body: Buffer.alloc(8),
})
const packed = (catalog: string, more: readonly string[] = []): Buffer =>
  writePackedPdf([
    `<< /Type /Catalog /Pages 2 0 R ${catalog} >>`,
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>',
    ...more,
  ])
const many = (count: number): Buffer => {
  const pages = Array.from({ length: count }, () => '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>')
  const kids = pages.map((_, i) => `${i + 3} 0 R`).join(' ')
  return writePdf(['<< /Type /Catalog /Pages 2 0 R >>', `<< /Type /Pages /Kids [${kids}] /Count ${count} >>`, ...pages])
}
const embedded = { dict: '/Type /EmbeddedFile', body: Buffer.from('attached') }
const cut = (file: Buffer, share: number): Buffer => file.subarray(0, Math.floor(file.length * share))
const active = (title: string, make: () => Buffer): BadPdf => ({ title, code: 'file.active', make })
const broken = (title: string, make: () => Buffer): BadPdf => ({ title, code: 'file.broken', make })
const costly = (title: string, make: () => Buffer): BadPdf => ({ title, code: 'file.too-complex', make })

export const activePdfs: readonly BadPdf[] = [
  active('a script on opening', () => trouble({ catalog: `/OpenAction ${script}` })),
  active('a script whose name is escaped', () => trouble({ catalog: '/OpenAction << /S /J#61vaScript /J#53 (1) >>' })),
  active('a script whose name is escaped throughout', () =>
    trouble({ more: ['<< /S /#4a#61#76#61#53#63#72#69#70#74 >>'] }),
  ),
  active('a script whose kind is another object', () =>
    trouble({ catalog: '/OpenAction 5 0 R', more: ['<< /S 6 0 R >>', '/JavaScript'] }),
  ),
  active('a script in the name tree', () =>
    trouble({ catalog: `/Names << /JavaScript << /Names [(a) ${script}] >> >>` }),
  ),
  active('a script inside an object stream', () => packed('/OpenAction 4 0 R', [script])),
  active('a script that only an earlier revision has', () =>
    appendRevision(trouble({ more: [script] }), 5, '<< /Harmless true >>'),
  ),
  active('a script that a later revision brings', () => appendRevision(drawAddressProof(), 5, script)),
  active('a script behind a harmless action', () =>
    trouble({ page: link(`/S /GoTo /D [3 0 R /Fit] /Next ${script}`) }),
  ),
  active('a script in an outline', () => trouble({ catalog: `/Outlines << /First << /Title (x) /A ${script} >> >>` })),
  active('an action of the page', () => trouble({ page: `/AA << /O ${script} >>` })),
  active('a program to launch', () => trouble({ page: link('/S /Launch /F (calc.exe)') })),
  active('a program to launch on opening', () =>
    trouble({ catalog: '/OpenAction << /S /Launch /Win << /F (cmd.exe) >> >>' }),
  ),
  active('a web page on opening', () => trouble({ catalog: '/OpenAction << /S /URI /URI (https://example.org) >>' })),
  active('printing on opening', () => trouble({ catalog: '/OpenAction << /S /Named /N /Print >>' })),
  active('a jump to another file', () => trouble({ page: link('/S /GoToR /F (other.pdf) /D [0 /Fit]') })),
  active('a jump into an attachment', () => trouble({ page: link('/S /GoToE /D [0 /Fit]') })),
  active('a form to send away', () => trouble({ page: link('/S /SubmitForm /F (https://example.org)') })),
  active('data to import', () => trouble({ page: link('/S /ImportData /F (a.fdf)') })),
  active('an action of no known kind', () => trouble({ page: link('/S /Surprise') })),
  active('a link to a file on the disk', () => trouble({ page: link('/S /URI /URI (file:///etc/passwd)') })),
  active('a link to a Windows share', () => trouble({ page: link('/S /URI /URI (\\\\\\\\host\\\\share)') })),
  active('a link that is a script, in octal', () =>
    trouble({ page: link('/S /URI /URI (\\152avascript:alert\\(1\\))') }),
  ),
  active('a link that is a script, in hex', () => trouble({ page: link('/S /URI /URI <6A6176617363726970743A31>') })),
  active('an attached file', () =>
    trouble({
      catalog: '/Names << /EmbeddedFiles << /Names [(a) 5 0 R] >> >>',
      more: ['<< /Type /Filespec /EF << /F 6 0 R >> >>', embedded],
    }),
  ),
  active('a file attached to a page', () => trouble({ page: annotation('/Subtype /FileAttachment') })),
  active('a portfolio', () => trouble({ catalog: '/Collection << >>' })),
  active('a rich medium', () => trouble({ page: annotation('/Subtype /RichMedia') })),
  active('a film', () => trouble({ page: annotation('/Subtype /Movie') })),
  active('a sound', () => trouble({ page: link('/S /Sound') })),
  active('a model in three dimensions', () => trouble({ page: annotation('/Subtype /3D') })),
  active('a field to fill in', () => trouble({ page: annotation('/Subtype /Widget') })),
  active('an annotation of unknown kind behind a reference', () =>
    trouble({ page: '/Annots 5 0 R', more: ['[6 0 R]', '<< /Subtype /Odd >>'] }),
  ),
  active('a form', () => trouble({ catalog: '/AcroForm << /Fields [] >>' })),
  active('an XFA form', () =>
    trouble({ catalog: '/AcroForm << /XFA 5 0 R >>', more: [{ dict: '', body: Buffer.from('<xdp/>') }] }),
  ),
  active('a stream in another file', () =>
    trouble({ content: { dict: '/F (\\\\host\\share)', body: Buffer.alloc(0) } }),
  ),
  active('a picture that is a page of another file', () =>
    trouble({ more: [{ dict: '/Subtype /Form /Ref << >>', body: Buffer.alloc(0) }] }),
  ),
  active('PostScript', () =>
    trouble({ more: [{ dict: '/Type /XObject /Subtype /PS', body: Buffer.from('showpage') }] }),
  ),
  active('a base for links', () => trouble({ catalog: '/URI << /Base (https://example.org) >>' })),
  active('an unknown entry of the catalog', () => trouble({ catalog: '/Surprise true' })),
  active('an unknown entry of a page', () => trouble({ page: '/Surprise true' })),
]

export const brokenPdfs: readonly BadPdf[] = [
  broken('a header and nothing else', () => Buffer.from('%PDF-1.7\nhello')),
  broken('a header that is not at the start', () => Buffer.concat([Buffer.from('\n'), drawAddressProof()])),
  broken('an unknown version', () =>
    Buffer.from(drawAddressProof().toString('latin1').replace('%PDF-1.7', '%PDF-9.9'), 'latin1'),
  ),
  broken('the first half of a file', () => cut(drawAddressProof(), 0.5)),
  broken('a file without its last bytes', () => cut(drawAddressProof(), 0.995)),
  broken('an archive behind its end', () => Buffer.concat([drawAddressProof(), zip('a.txt')])),
  broken('an archive around its end', () =>
    writePdf(plainParts('', '', flate(''), [{ dict: '', body: zip('a.txt') }])),
  ),
  broken('a web page behind its end', () => Buffer.concat([drawAddressProof(), Buffer.from('<script>1</script>')])),
  broken('an object hidden in a stream', () =>
    trouble({ more: [{ dict: '', body: Buffer.from(`\n9 0 obj\n${script}\nendobj\n`) }] }),
  ),
  broken('an object hidden in a comment', () =>
    writePdf(plainParts('', '', flate(''), []), { extra: `%9 0 obj ${script} endobj\n` }),
  ),
  broken('an object hidden in a string', () =>
    trouble({ more: [`(\n9 0 obj ${script.replace(/[()\\]/g, '')} endobj)`] }),
  ),
  broken('nonsense between objects', () => writePdf(plainParts('', '', flate(''), []), { extra: 'nonsense\n' })),
  broken('a name that ends early in C', () => trouble({ more: ['<< /S /JavaScrip#00t >>'] })),
  broken('the same key twice', () => trouble({ page: link('/S /URI /S /GoTo') })),
  broken('a table that is elsewhere', () =>
    Buffer.from(
      drawAddressProof()
        .toString('latin1')
        .replace(/startxref\n\d+/, 'startxref\n7'),
      'latin1',
    ),
  ),
  broken('no pages', () => writePdf(['<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [] /Count 0 >>'])),
  broken('pages that lead back to themselves', () =>
    writePdf(['<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [2 0 R] /Count 1 >>']),
  ),
  broken('no catalog', () =>
    Buffer.from(drawAddressProof().toString('latin1').replace('/Root 1 0 R', '/Root 99 0 R'), 'latin1'),
  ),
  broken('a stream that is not deflated', () =>
    trouble({ content: { dict: '/Filter /FlateDecode', body: Buffer.from('not deflated') } }),
  ),
  broken('an object stream that lies about its length', () =>
    trouble({ more: [flate('1 0 null', '/Type /ObjStm /N 9000 /First 4')] }),
  ),
  broken('an overlong comment', () =>
    writePdf(plainParts('', '', flate(''), []), { extra: `%${'x'.repeat(5_000)}\n` }),
  ),
]

export const costlyPdfs: readonly BadPdf[] = [
  { title: 'thirty-one pages', code: 'file.pages', make: () => many(31) },
  {
    title: 'a user password',
    code: 'file.encrypted',
    make: () => trouble({ trailer: '/Encrypt << /Filter /Standard /V 2 /R 3 >>' }),
  },
  {
    title: 'an owner password in an object of its own',
    code: 'file.encrypted',
    make: () => trouble({ trailer: '/Encrypt 5 0 R', more: ['<< /Filter /Standard >>'] }),
  },
  {
    title: 'an escaped name for encryption',
    code: 'file.encrypted',
    make: () => trouble({ trailer: '/#45ncrypt 5 0 R', more: ['<< /Filter /Standard >>'] }),
  },
  costly('a stream of 200 MB in 200 kB', () => trouble({ content: bomb() })),
  costly('a bomb inside an object stream', () =>
    writePackedPdf(['null'], () => ({ dict: '/Filter /FlateDecode', body: deflateSync(Buffer.alloc(64_000_000, 32)) })),
  ),
  costly('a bomb inside a bomb', () =>
    trouble({
      content: { dict: '/Filter [/FlateDecode /FlateDecode]', body: deflateSync(deflateSync(Buffer.alloc(9_000_000))) },
    }),
  ),
  costly('five streams of 120 MB each', () => {
    const large: PdfPart = { dict: '/Filter /FlateDecode', body: deflateSync(Buffer.alloc(120_000_000)) }
    return trouble({ more: [large, large, large, large, large] })
  }),
  costly('runs of 256 MB', () =>
    trouble({ content: { dict: '/Filter /RunLengthDecode', body: Buffer.alloc(9_000_000, 129) } }),
  ),
  costly('an unknown filter', () => trouble({ content: { dict: '/Filter /Crypt', body: Buffer.alloc(1) } })),
  costly('rows of two thousand million bytes', () =>
    trouble({ content: flate('x', '/DecodeParms << /Predictor 12 /Columns 2000000000 >>') }),
  ),
  costly('arrays in arrays, two hundred deep', () => trouble({ more: [`${'['.repeat(200)}${']'.repeat(200)}`] })),
  costly('arrays in arrays, a million deep', () => trouble({ more: ['['.repeat(1_000_000)] })),
  costly('sixty thousand objects', () => trouble({ more: Array.from({ length: 60_000 }, () => 'null') })),
  costly('four million numbers', () => trouble({ more: [`[${'1 '.repeat(4_000_000)}]`] })),
  costly('a page of 200,000 points', () =>
    trouble({ page: '/CropBox 5 0 R', more: ['<< /MediaBox [0 0 200000 200000] >>'] }),
  ),
  costly('a picture of 60,000 by 60,000', () => trouble({ more: [image('/Width 60000 /Height 60000')] })),
]

/** Keeps a child busy for about half a second: much to inflate, and just within the limits. */
export function slowPdf(): Buffer {
  const large: PdfPart = { dict: '/Filter /FlateDecode', body: deflateSync(Buffer.alloc(100_000_000)) }
  return trouble({ more: [large, large, large, large, large] })
}
