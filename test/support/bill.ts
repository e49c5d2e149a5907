import { flate, type PdfPart } from './pdf-writer.ts'

const months = ['Juni', 'Juli', 'Agustus', 'September', 'Oktober', 'November']

/** The objects of the specimen bill, catalog first; `scanBytes` adds a grey picture of about that many bytes to the last page. */
export function billPages(scanBytes = 0): readonly PdfPart[] {
  const contents = [summary(), usage(), terms(scanBytes > 0)]
  const pages = contents.map((_, i) => 6 + i * 2)
  const scan = 6 + contents.length * 2
  const parts: PdfPart[] = [
    '<< /Type /Catalog /Pages 2 0 R /Lang (id) /PageLayout /SinglePage >>',
    `<< /Type /Pages /Kids [${pages.map(page => `${page} 0 R`).join(' ')}] /Count ${pages.length} >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>',
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>',
    '<< /Type /Annot /Subtype /Link /Rect [56 60 300 76] /Border [0 0 0] /A << /S /URI /URI (https://listrik.example/bantuan) >> >>',
  ]
  contents.forEach((content, i) => {
    const picture = scanBytes > 0 && i === contents.length - 1 ? `/XObject << /Scan ${scan} 0 R >>` : ''
    parts.push(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents ${7 + i * 2} 0 R /Annots [5 0 R]
         /Resources << /Font << /F1 3 0 R /F2 4 0 R >> ${picture} >> >>`,
      flate(content),
    )
  })
  if (scanBytes > 0) parts.push(grainyScan(scanBytes))
  return parts
}

/** Grey grain, about square: what a scanner sees on white paper, and hardly compressible. */
function grainyScan(sizeBytes: number): PdfPart {
  const width = Math.ceil(Math.sqrt(sizeBytes))
  const height = Math.ceil(sizeBytes / width)
  const pixels = Buffer.alloc(width * height)
  let state = 7
  for (let at = 0; at < pixels.length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    pixels[at] = state >>> 24
  }
  const entries = `/Type /XObject /Subtype /Image /Width ${width} /Height ${height} /ColorSpace /DeviceGray /BitsPerComponent 8`
  return flate(pixels, entries)
}

const text = (x: number, y: number, size: number, words: string, font = 'F1'): string =>
  `BT /${font} ${size} Tf ${x} ${y} Td (${words.replace(/[()\\]/g, '\\$&')}) Tj ET`
const band = (y: number, height: number, colour: string): string => `${colour} rg 0 ${y} 595 ${height} re f`
const line = (y: number): string => `0.75 0.78 0.82 RG 0.6 w 56 ${y} m 539 ${y} l S`

function frame(title: string, page: number): string[] {
  return [
    band(772, 70, '0.09 0.32 0.55'),
    band(766, 6, '0.96 0.72 0.16'),
    '1 g',
    text(56, 806, 20, 'LISTRIK CONTOH', 'F2'),
    text(56, 786, 10, 'Perusahaan listrik rekaan - SPECIMEN, not a real bill'),
    text(440, 798, 12, title, 'F2'),
    '0.12 0.14 0.18 rg',
    text(56, 64, 9, 'Bantuan: https://listrik.example/bantuan'),
    text(480, 64, 9, `Halaman ${page} / 3`),
    '0.93 0.93 0.93 rg',
    'BT /F2 84 Tf 0.7 0.7 -0.7 0.7 130 210 Tm (SPECIMEN) Tj ET',
    '0.12 0.14 0.18 rg',
  ]
}

function summary(): string {
  const rows = [
    ['Pemakaian 214 kWh', 'Rp 309.230'],
    ['Biaya beban', 'Rp 44.000'],
    ['PPJ 3%', 'Rp 10.597'],
    ['Materai', 'Rp 0'],
  ]
  return [
    ...frame('TAGIHAN', 1),
    text(56, 720, 12, 'SARI CONTOH', 'F2'),
    text(56, 704, 11, 'Jl. Misal No. 1, RT 000 / RW 000'),
    text(56, 689, 11, 'Kelurahan Umpama, Kota Contoh 00000'),
    text(360, 720, 10, 'ID pelanggan: 000000000001'),
    text(360, 705, 10, 'Periode: November 2025'),
    text(360, 690, 10, 'Jatuh tempo: 20 Desember 2025'),
    '0.95 0.97 0.99 rg 56 590 483 64 re f 0.12 0.14 0.18 rg',
    text(72, 628, 11, 'Jumlah yang harus dibayar'),
    text(72, 603, 22, 'Rp 363.827', 'F2'),
    text(56, 552, 13, 'Rincian', 'F2'),
    line(542),
    ...rows.flatMap(([name = '', sum = ''], i) => [
      text(56, 524 - i * 24, 11, name),
      text(460, 524 - i * 24, 11, sum),
      line(514 - i * 24),
    ]),
    text(56, 410, 12, 'Total', 'F2'),
    text(460, 410, 12, 'Rp 363.827', 'F2'),
  ].join('\n')
}

function usage(): string {
  const bars = [188, 201, 196, 230, 207, 214]
  return [
    ...frame('PEMAKAIAN', 2),
    text(56, 720, 13, 'Pemakaian enam bulan terakhir (kWh)', 'F2'),
    line(440),
    ...bars.flatMap((kwh, i) => [
      `0.09 0.32 0.55 rg ${80 + i * 76} 440 44 ${kwh} re f 0.12 0.14 0.18 rg`,
      text(88 + i * 76, 446 + kwh, 10, String(kwh)),
      text(80 + i * 76, 424, 9, months[i] ?? ''),
    ]),
    text(56, 380, 11, 'Angka meter awal 10.482, angka meter akhir 10.696.'),
    text(56, 362, 11, 'Golongan tarif R1M / 900 VA.'),
  ].join('\n')
}

function terms(withScan: boolean): string {
  const lines = [
    'Tagihan ini adalah contoh untuk menguji penyimpanan dokumen.',
    'Nama, alamat dan nomor pelanggan di dalamnya tidak dimiliki siapa pun.',
    'Pembayaran tidak diperlukan dan tidak mungkin dilakukan.',
    'Pengaduan dapat disampaikan dalam tiga puluh hari sejak tanggal tagihan.',
  ]
  return [
    ...frame('KETENTUAN', 3),
    text(56, 720, 13, 'Ketentuan', 'F2'),
    ...lines.map((words, i) => text(56, 696 - i * 18, 11, `${i + 1}. ${words}`)),
    ...(withScan ? [text(56, 596, 11, 'Lampiran: pindaian', 'F2'), 'q 300 0 0 400 56 180 cm /Scan Do Q'] : []),
  ].join('\n')
}
