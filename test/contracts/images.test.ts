import assert from 'node:assert/strict'
import { before, suite, test } from 'node:test'
import sharp from 'sharp'
import { SharpImages } from '../../src/adapters/sharp-images.ts'
import { VaultError } from '../../src/domain/errors.ts'
import type { ImageKind } from '../../src/domain/media.ts'
import type { Images } from '../../src/ports/images.ts'
import { badPictures, bombPng } from '../support/broken-pictures.ts'
import { secrets, withMetadata, zip } from '../support/metadata.ts'
import { drawIdCard, drawIdCardAs, drawSelfie } from '../support/papers.ts'
import { segmentsOf } from '../support/picture-segments.ts'

const never = new AbortController().signal

imagesContract('sharp', () => new SharpImages())

function imagesContract(name: string, make: () => Images): void {
  suite(`Images on ${name}`, () => {
    const images = make()
    let card: Buffer
    let told: Buffer

    // Everything is drawn before the adapter blocks the loaders that drawing needs.
    const made = new Map<string, Buffer>()
    before(async () => {
      card = await drawIdCard(900)
      told = await withMetadata(card)
      for (const { title, make: makeBad } of badPictures) made.set(title, await makeBad())
    })

    test('the header alone tells kind, sides and frames', async () => {
      assert.deepEqual(await images.inspect(card), { kind: 'image/jpeg', width: 900, height: 600, frames: 1 })
      assert.deepEqual(await images.inspect(await drawIdCardAs('png')), {
        kind: 'image/png',
        width: 900,
        height: 600,
        frames: 1,
      })
      assert.equal((await images.inspect(made.get('an animated WebP') ?? card)).frames, 2)
      assert.equal((await images.inspect(made.get('an animated PNG that hides it behind text') ?? card)).frames, 2)
    })

    test('a header that promises four hundred million pixels is read without decoding one', async () => {
      const { width, height } = await images.inspect(bombPng(20_000, 20_000))
      assert.deepEqual([width, height], [20_000, 20_000])
    })

    test('a picture beyond the pixel limit is refused while decoding, too', async () => {
      await assert.rejects(images.normalise(bombPng(7_900, 7_900), 'image/png', never), codeIs('file.pixels'))
    })

    test('what a phone adds is all there in the specimen, and all gone from what is stored', async () => {
      for (const secret of Object.values(secrets)) assert.ok(told.includes(secret), `the specimen lacks ${secret}`)
      const facts = await sharp(told).metadata()
      assert.equal(facts.orientation, 6)
      assert.ok(facts.exif && facts.xmp && facts.icc && facts.iptc)
      assert.ok(segmentsOf(told).includes('trailing'))

      const { bytes } = await images.normalise(told, 'image/jpeg', never)
      for (const secret of Object.values(secrets)) assert.ok(!Buffer.from(bytes).includes(secret), secret)
      const allowed = new Set(['e0', 'db', 'c0', 'c2', 'c4', 'dd', 'da', 'd9'])
      const kept = segmentsOf(bytes)
      assert.deepEqual(
        kept.filter(segment => !allowed.has(segment)),
        [],
      )
      assert.equal(Buffer.from(bytes).indexOf(Buffer.from([0xff, 0xd8]), 2), -1, 'a thumbnail is left')
    })

    test('an orientation is applied, and then forgotten', async () => {
      const stored = await images.normalise(told, 'image/jpeg', never)
      assert.deepEqual([stored.width, stored.height], [600, 900])
      const turned = await sharp(card).rotate(90).raw().toBuffer()
      assert.ok(distance(await sharp(stored.bytes).raw().toBuffer(), turned) < 12)
    })

    test('a profile is converted to sRGB, so that colours stay what they were', async () => {
      const red = { create: { width: 64, height: 64, channels: 3 as const, background: '#c03028' } }
      const wide = await sharp(red).withIccProfile('p3').jpeg({ quality: 100, chromaSubsampling: '4:4:4' }).toBuffer()
      const { bytes } = await images.normalise(wide, 'image/jpeg', never)
      const [pixel] = await Promise.all([sharp(bytes).raw().toBuffer()])
      assert.ok(distance(pixel.subarray(0, 3), Buffer.from([0xc0, 0x30, 0x28])) < 4, pixel.subarray(0, 3).join())
    })

    test('PNG and WebP keep their kind and their transparency, and only the chunks that pixels need', async () => {
      const layer = {
        create: { width: 40, height: 30, channels: 4 as const, background: { r: 200, g: 20, b: 20, alpha: 0.5 } },
      }
      const allowed = new Set(['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND', 'VP8 ', 'VP8L', 'VP8X', 'ALPH'])
      for (const format of ['png', 'webp'] as const) {
        const exif = { IFD0: { Make: secrets.maker }, IFD3: { GPSAreaInformation: secrets.place } }
        const told = Buffer.concat([
          await sharp(layer).toFormat(format).withExif(exif).withDensity(311).toBuffer(),
          zip(secrets.trailing),
        ])
        assert.ok(told.includes(secrets.maker) && segmentsOf(told).includes('trailing'))
        const kind: ImageKind = `image/${format}`
        const stored = await images.normalise(told, kind, never)
        assert.deepEqual(
          segmentsOf(stored.bytes).filter(chunk => !allowed.has(chunk)),
          [],
        )
        const pixel = await sharp(stored.bytes).raw().toBuffer()
        assert.ok(Math.abs((pixel[3] ?? 0) - 128) < 3, `alpha of ${format} is ${pixel[3]}`)
      }
    })

    test('sixteen bits a channel and four inks are taken and stored as sRGB', async () => {
      const deep = await sharp(card).toColourspace('rgb16').png().toBuffer()
      const inks = await sharp(card).toColourspace('cmyk').jpeg().toBuffer()
      assert.equal((await sharp(inks).metadata()).space, 'cmyk')
      for (const [file, kind] of [
        [deep, 'image/png'],
        [inks, 'image/jpeg'],
      ] as const) {
        const { bytes } = await images.normalise(file, kind, never)
        const { space, channels } = await sharp(bytes).metadata()
        assert.deepEqual([space, channels], ['srgb', 3])
        assert.ok(
          distance(await sharp(bytes).resize(90).raw().toBuffer(), await sharp(card).resize(90).raw().toBuffer()) < 30,
        )
      }
    })

    test('a selfie in, the same selfie out', async () => {
      const selfie = await drawSelfie(512)
      const { bytes } = await images.normalise(selfie, 'image/jpeg', never)
      assert.ok(distance(await sharp(bytes).raw().toBuffer(), await sharp(selfie).raw().toBuffer()) < 6)
    })

    test('the same picture becomes the same bytes', async () => {
      const [first, second] = await Promise.all([1, 2].map(() => images.normalise(told, 'image/jpeg', never)))
      assert.deepEqual(first?.bytes, second?.bytes)
    })

    for (const { title, code } of badPictures.filter(bad => bad.code === 'file.broken')) {
      test(`refused as broken: ${title}`, async () => {
        const file = made.get(title) ?? card
        const kind: ImageKind = file[0] === 0x89 ? 'image/png' : file[0] === 0x52 ? 'image/webp' : 'image/jpeg'
        await assert.rejects(images.normalise(file, kind, never), codeIs(code))
      })
    }

    test('what is not the kind that was asked for is refused', async () => {
      await assert.rejects(images.normalise(card, 'image/png', never), codeIs('file.broken'))
    })

    test('kinds without an unblocked loader cannot be read at all', async () => {
      for (const title of ['a GIF', 'an SVG', 'a TIFF']) {
        await assert.rejects(images.inspect(made.get(title) ?? card), codeIs('file.broken'))
      }
    })

    test('work that was given up before its turn is not begun, and keeps no place', async () => {
      const reason = new Error('gone')
      const gone = AbortSignal.abort(reason)
      const tries = Array.from({ length: 5 }, () => images.normalise(card, 'image/jpeg', gone))
      for (const result of await Promise.allSettled(tries)) {
        assert.equal(result.status === 'rejected' && result.reason, reason)
      }
      const stored = await Promise.all([1, 2, 3, 4].map(() => images.normalise(card, 'image/jpeg', never)))
      assert.equal(stored.length, 4)
    })
  })
}

function codeIs(code: string): (error: unknown) => boolean {
  return error => error instanceof VaultError && error.code === code
}

/** Mean difference of a sample. */
function distance(one: Buffer, other: Buffer): number {
  assert.equal(one.length, other.length)
  return one.reduce((sum, value, at) => sum + Math.abs(value - (other[at] ?? 0)), 0) / one.length
}
