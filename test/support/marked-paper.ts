import { writePdf } from './pdf-writer.ts'

/** A PDF of one page that shows `text`, uncompressed, so that a search for its bytes would find it; `mark` makes it another file. */
export function markedPdf(text: string, mark = ''): Buffer {
  return writePdf([
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << >> >>',
    { dict: '', body: Buffer.from(`BT (${mark}${text}) Tj ET\n`.repeat(40)) },
  ])
}
