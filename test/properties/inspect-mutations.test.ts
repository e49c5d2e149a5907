import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import fc from 'fast-check'
import { ChildPdfs } from '../../src/adapters/child-pdfs.ts'
import { FileTypeSniffer } from '../../src/adapters/file-type-sniffer.ts'
import { judgePdf } from '../../src/adapters/pdf-rules.ts'
import { SharpImages } from '../../src/adapters/sharp-images.ts'
import { VaultError } from '../../src/domain/errors.ts'
import { inspect } from '../../src/intake/inspect.ts'
import { drawAddressProof, drawIdCard, drawIdCardAs } from '../support/papers.ts'
import { writePackedPdf } from '../support/pdf-writer.ts'

/** Damage to a file: bytes changed, a piece cut out, doubled or put elsewhere. Places are shares of the length. */
interface Damage {
  readonly flips: readonly (readonly [place: number, byte: number])[]
  readonly cut: readonly [from: number, length: number]
  readonly paste: number
  readonly keep: number
}

const share = fc.double({ min: 0, max: 1, noNaN: true })
const damage: fc.Arbitrary<Damage> = fc.record({
  flips: fc.array(fc.tuple(share, fc.nat(255)), { maxLength: 8 }),
  cut: fc.tuple(
    share,
    fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.double({ min: 0, max: 0.2, noNaN: true })),
  ),
  paste: share,
  keep: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, share),
})

function apply(file: Buffer, { flips, cut, paste, keep }: Damage): Buffer {
  const at = (place: number): number => Math.min(file.length - 1, Math.floor(place * file.length))
  const changed = Buffer.from(file)
  for (const [place, byte] of flips) changed[at(place)] = byte
  const piece = changed.subarray(at(cut[0]), at(cut[0]) + Math.floor(cut[1] * file.length))
  const moved = Buffer.concat([changed.subarray(0, at(paste)), piece, changed.subarray(at(paste))])
  return moved.subarray(0, Math.ceil(moved.length * keep))
}

const packed = writePackedPdf([
  '<< /Type /Catalog /Pages 2 0 R /Outlines << /First << /Title (x) /A << /S /GoTo /D [3 0 R /Fit] >> >> >> >>',
  '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
  '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Annots [<< /Subtype /Link /A << /S /URI /URI (http://a) >> >>] >>',
])

suite('damaged files', () => {
  const pdfs = new ChildPdfs()
  const vault = { sniffer: new FileTypeSniffer(), images: new SharpImages(), pdfs }
  let files: readonly Buffer[] = []
  before(async () => {
    files = [
      await drawIdCard(240),
      await drawIdCardAs('png', 120),
      await drawIdCardAs('webp', 240),
      drawAddressProof(),
      packed,
    ]
  })
  after(() => pdfs[Symbol.asyncDispose]())

  test('any damage ends in a file that is taken or in a documented refusal', async () => {
    const signal = new AbortController().signal
    await fc.assert(
      fc.asyncProperty(fc.nat(4), damage, async (which, how) => {
        const unverified = apply(files[which] ?? packed, how)
        try {
          const { bytes, media } = await inspect(vault, { unverified, type: 'id', signal })
          assert.ok(bytes.length > 0 && media.length > 0)
        } catch (error) {
          assert.ok(error instanceof VaultError && error.code.startsWith('file.'), String(error))
        }
      }),
      { numRuns: 600 },
    )
  })

  test('no damage to a PDF makes its check throw: a verdict every time', async () => {
    await fc.assert(
      fc.asyncProperty(fc.boolean(), damage, async (plain, how) => {
        const { pages, refusal } = await judgePdf(apply(plain ? drawAddressProof() : packed, how))
        assert.ok(refusal ? pages === 0 : pages >= 1)
      }),
      { numRuns: 4_000 },
    )
  })

  test('a script is never admitted, wherever it is put and however its name is escaped', async () => {
    const escaped = fc
      .array(fc.boolean(), { minLength: 10, maxLength: 10 })
      .map(marks =>
        Array.from('JavaScript', (sign, i) => (marks[i] ? `#${sign.charCodeAt(0).toString(16)}` : sign)).join(''),
      )
    const place = fc.constantFrom('/Type /Catalog', '/Type /Pages', '/Type /Page ', '/Title (x)', '/Subtype /Link')
    await fc.assert(
      fc.asyncProperty(escaped, place, fc.constantFrom('A', 'Next', 'OpenAction', 'Any'), async (name, where, key) => {
        const parts = [
          '<< /Type /Catalog /Pages 2 0 R /Outlines << /First << /Title (x) >> >> >>',
          '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
          '<< /Type /Page /Parent 2 0 R /Annots [<< /Subtype /Link >>] >>',
        ].map(part => part.replace(where, `${where} /${key} << /S /${name} >>`))
        const { refusal } = await judgePdf(writePackedPdf(parts))
        assert.equal(refusal?.code, 'file.active')
      }),
      { numRuns: 500 },
    )
  })
})
