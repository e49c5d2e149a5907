import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { PDFDocument, StandardFonts } from '@cantoo/pdf-lib'
import { judgePdf } from '../../src/adapters/pdf-rules.ts'
import { activePdfs, brokenPdfs, costlyPdfs, trouble } from '../support/broken-pdfs.ts'
import { needsFolder } from '../support/needs.ts'
import { drawAddressProof } from '../support/papers.ts'
import { appendRevision, flate, type PdfPart, writePackedPdf } from '../support/pdf-writer.ts'

suite('what a PDF may not hold', () => {
  for (const { title, code, make } of [...activePdfs, ...brokenPdfs, ...costlyPdfs]) {
    test(`${code}: ${title}`, async () => {
      const { refusal } = await judgePdf(make())
      assert.equal(refusal?.code, code, `refused by ${refusal?.rule}`)
    })
  }

  test('the files that are refused differ from an admitted one only in what they are refused for', async () => {
    assert.deepEqual(await judgePdf(trouble({})), { pages: 1 })
  })
})

const link = (action: string): string => `/Annots [<< /Subtype /Link /Rect [0 0 9 9] /A << ${action} >> >>]`
const picture = (filter: string, body: Buffer): PdfPart => ({
  dict: `/Subtype /Image /Width 9 /Height 9 ${filter}`,
  body,
})

const admitted: Readonly<Record<string, () => Buffer>> = {
  'a bill of three pages with a link': drawAddressProof,
  'an opening at a page': () => trouble({ catalog: '/OpenAction [3 0 R /Fit]' }),
  'an opening at a page by an action': () => trouble({ catalog: '/OpenAction << /S /GoTo /D [3 0 R /Fit] >>' }),
  'a link to the web': () => trouble({ page: link('/S /URI /URI (https://example.org/a?b=c)') }),
  'a link to write a letter': () => trouble({ page: link('/S /URI /URI (mailto:help@example.org)') }),
  'a link without a scheme': () => trouble({ page: link('/S /URI /URI (www.example.org)') }),
  'a link to the next page': () => trouble({ page: link('/S /Named /N /NextPage') }),
  'a remark, a mark and a stamp': () =>
    trouble({ page: '/Annots [<< /Subtype /Text >> << /Subtype /Highlight >> << /Subtype /Stamp >>]' }),
  'an outline of two items': () =>
    trouble({
      catalog: '/Outlines 5 0 R',
      more: [
        '<< /Type /Outlines /First 6 0 R /Last 7 0 R /Count 2 >>',
        '<< /Title (One) /Parent 5 0 R /Next 7 0 R /Dest [3 0 R /Fit] >>',
        '<< /Title (Two) /Parent 5 0 R /Prev 6 0 R /A << /S /GoTo /D [3 0 R /Fit] >> >>',
      ],
    }),
  'a tagged document with layout attributes': () =>
    trouble({ catalog: '/StructTreeRoot << /K << /S /P /A << /O /Layout /Placement /Block >> >> >>' }),
  'a glyph that is called A': () => trouble({ more: ['<< /CharProcs << /A 6 0 R >> >>', flate('0 0 m')] }),
  'named places': () => trouble({ catalog: '/Names << /Dests << /Names [(a) [3 0 R /Fit]] >> >>' }),
  'a photograph': () => trouble({ more: [picture('/Filter /DCTDecode', Buffer.from([0xff, 0xd8]))] }),
  'text in ASCII85 and Flate': () =>
    trouble({ content: { dict: '/Filter [/ASCII85Decode /FlateDecode]', body: Buffer.from('Gb"0$d0ic;~>') } }),
  'a second revision without anything active': () => appendRevision(drawAddressProof(), 90, '<< /Producer (x) >>'),
  'everything inside an object stream': () =>
    writePackedPdf([
      '<< /Type /Catalog /Pages 2 0 R >>',
      '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
      '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>',
    ]),
  'a length that stands in another object': () => {
    const file = trouble({ content: '<< /Length 5 0 R >>\nstream\n0 0 m\nendstream', more: ['6'] })
    return file
  },
  'white space and zeros behind the end': () => Buffer.concat([trouble({}), Buffer.from('\r\n\0\0 \n')]),
}

suite('what a PDF may hold', () => {
  for (const [title, make] of Object.entries(admitted)) {
    test(`admitted: ${title}`, async () => {
      const { pages, refusal } = await judgePdf(make())
      assert.equal(refusal, undefined)
      assert.ok(pages >= 1)
    })
  }

  test('thirty pages are admitted and counted', async () => {
    const { pages } = await judgePdf(await otherWriter(30))
    assert.equal(pages, 30)
  })

  test('what another writer writes is admitted, with object streams and without', async () => {
    for (const useObjectStreams of [true, false]) {
      const { refusal } = await judgePdf(await otherWriter(2, useObjectStreams))
      assert.equal(refusal, undefined)
    }
  })

  test('what another writer writes with a script, a form or an attachment is refused', async () => {
    for (const useObjectStreams of [true, false]) {
      for (const add of [addScript, addForm, addAttachment]) {
        const { refusal } = await judgePdf(await otherWriter(1, useObjectStreams, add))
        assert.equal(refusal?.code, 'file.active', add.name)
      }
    }
  })

  const samples = needsFolder('../shared/samples/address', 'sample invoices')
  test('real invoices are admitted', { skip: samples.skip }, async () => {
    const files = readdirSync(samples.value)
    assert.ok(files.length > 0)
    for (const file of files) {
      assert.equal((await judgePdf(readFileSync(`${samples.value}/${file}`))).refusal, undefined, file)
    }
  })
})

type Add = (document: PDFDocument) => unknown
const addScript: Add = document => document.addJavaScript('a', 'app.alert(1)')
const addForm: Add = document => document.getForm().createTextField('name').addToPage(document.getPage(0))
const addAttachment: Add = document => document.attach(Buffer.from('x'), 'a.txt')

async function otherWriter(pages: number, useObjectStreams = true, add: Add = () => undefined): Promise<Buffer> {
  const document = await PDFDocument.create()
  const font = await document.embedFont(StandardFonts.Helvetica)
  for (let i = 0; i < pages; i++) document.addPage().drawText('SPECIMEN', { font, x: 50, y: 500 })
  await add(document)
  return Buffer.from(await document.save({ useObjectStreams }))
}
