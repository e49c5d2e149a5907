import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { FileTypeSniffer } from '../../src/adapters/file-type-sniffer.ts'
import type { Sniffer } from '../../src/ports/sniffer.ts'
import { badPictures } from '../support/broken-pictures.ts'
import { withMetadata } from '../support/metadata.ts'
import { drawAddressProof, drawIdCard, drawIdCardAs } from '../support/papers.ts'

snifferContract('file-type', () => new FileTypeSniffer())

function snifferContract(name: string, make: () => Sniffer): void {
  suite(`Sniffer on ${name}`, () => {
    const sniffer = make()

    test('the four kinds that the vault takes are told by their content', async () => {
      assert.equal(await sniffer.mediaTypeOf(await drawIdCard(60)), 'image/jpeg')
      assert.equal(await sniffer.mediaTypeOf(await withMetadata(await drawIdCard(60))), 'image/jpeg')
      assert.equal(await sniffer.mediaTypeOf(await drawIdCardAs('png', 60)), 'image/png')
      assert.equal(await sniffer.mediaTypeOf(await drawIdCardAs('webp', 60)), 'image/webp')
      assert.equal(await sniffer.mediaTypeOf(drawAddressProof()), 'application/pdf')
    })

    for (const [title, expected] of [
      ['a GIF', 'image/gif'],
      ['a GIF that is a PDF as well', 'image/gif'],
      ['a TIFF', 'image/tiff'],
      ['an archive', 'application/zip'],
      ['a HEIC header', 'image/heic'],
      ['plain text', undefined],
      ['a web page', undefined],
    ] as const) {
      test(`told apart: ${title}`, async () => {
        const file = await badPictures.find(bad => bad.title === title)?.make()
        assert.ok(file)
        assert.equal(await sniffer.mediaTypeOf(file), expected)
      })
    }

    test('a head that is cut at any byte is an answer, never an error', async () => {
      for (const whole of [await drawIdCard(60), await drawIdCardAs('png', 60), drawAddressProof()]) {
        for (let length = 0; length < 200; length++) {
          const found = await sniffer.mediaTypeOf(whole.subarray(0, length))
          assert.ok(found === undefined || /^[a-z]+\/[a-z0-9.+-]+$/.test(found))
        }
      }
    })
  })
}
