import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, suite, test } from 'node:test'
import { ChildPdfs } from '../../src/adapters/child-pdfs.ts'
import { FileTypeSniffer } from '../../src/adapters/file-type-sniffer.ts'
import { SharpImages } from '../../src/adapters/sharp-images.ts'
import { VaultError } from '../../src/domain/errors.ts'
import { limits, type PaperType } from '../../src/domain/media.ts'
import { type Inspected, inspect } from '../../src/intake/inspect.ts'
import { activePdfs, costlyPdfs } from '../support/broken-pdfs.ts'
import { badPictures } from '../support/broken-pictures.ts'
import { zip } from '../support/metadata.ts'
import { needsFolder } from '../support/needs.ts'
import { drawAddressProof, drawIdCard, drawLargeAddressProof, drawSelfie } from '../support/papers.ts'

suite('inspecting an upload', () => {
  const pdfs = new ChildPdfs()
  const vault = { sniffer: new FileTypeSniffer(), images: new SharpImages(), pdfs }
  const made = new Map<string, Buffer>()
  before(async () => {
    for (const { title, make } of badPictures) made.set(title, await make())
  })
  after(() => pdfs[Symbol.asyncDispose]())

  const look = (unverified: Uint8Array, type: PaperType = 'id'): Promise<Inspected> =>
    inspect(vault, { unverified, type, signal: new AbortController().signal })

  test('a picture comes back as new bytes with its sides, a PDF unchanged with its pages', async () => {
    const card = await drawIdCard(600)
    const id = await look(card)
    assert.deepEqual([id.media, id.pixels, id.pages], ['image/jpeg', { width: 600, height: 400 }, undefined])
    assert.notDeepEqual(Buffer.from(id.bytes), card)
    const bill = drawAddressProof()
    assert.deepEqual(await look(bill, 'address'), { media: 'application/pdf', bytes: bill, pages: 3 })
  })

  test('what lies behind the end of a picture is gone', async () => {
    const { bytes } = await look(Buffer.concat([await drawIdCard(300), zip('evil.txt')]))
    assert.ok(!Buffer.from(bytes).includes('evil.txt'))
  })

  test('an empty file and files beyond the limits are refused by their length', async () => {
    await refuses(look(Buffer.alloc(0)), 'file.empty')
    const card = await drawIdCard(300)
    const exact = Buffer.concat([card, Buffer.alloc(limits.image.maxBytes - card.length)])
    assert.equal((await look(exact)).media, 'image/jpeg')
    const facts = await refuses(look(Buffer.concat([exact, Buffer.alloc(1)])), 'file.too-large')
    assert.deepEqual(facts, { limit: limits.image.maxBytes, actual: limits.image.maxBytes + 1 })
    const bill = drawLargeAddressProof(limits.pdf.maxBytes - 200_000)
    const padded = Buffer.concat([bill, Buffer.alloc(limits.pdf.maxBytes - bill.length)])
    assert.equal((await look(padded)).pages, 3)
    await refuses(look(Buffer.concat([padded, Buffer.alloc(1)])), 'file.too-large')
  })

  test('a selfie is a picture, never a PDF', async () => {
    assert.equal((await look(await drawSelfie(300), 'selfie')).media, 'image/jpeg')
    const facts = await refuses(look(drawAddressProof(), 'selfie'), 'file.type-not-accepted')
    assert.deepEqual(facts.allowed, ['image/jpeg', 'image/png', 'image/webp'])
  })

  test('HEIC is refused in words that help', async () => {
    const facts = await refuses(look(made.get('a HEIC header') ?? Buffer.alloc(0)), 'file.type-not-accepted')
    assert.match(facts.detail ?? '', /HEIC.*JPEG/)
    assert.deepEqual(facts.allowed, ['image/jpeg', 'image/png', 'image/webp', 'application/pdf'])
  })

  for (const { title, code } of badPictures) {
    test(`${code}: ${title}`, async () => {
      await refuses(look(made.get(title) ?? Buffer.alloc(0)), code)
    })
  }

  test('a refused PDF tells the rule, and nothing of the file', async () => {
    const script = activePdfs.find(({ title }) => title === 'a script on opening')?.make()
    const facts = await refuses(look(script ?? Buffer.alloc(0)), 'file.active')
    assert.deepEqual(facts, { detail: 'The PDF is refused by the rule JavaScript.' })
    const pages = costlyPdfs.find(({ code }) => code === 'file.pages')?.make()
    assert.deepEqual(await refuses(look(pages ?? Buffer.alloc(0)), 'file.pages'), { limit: 30 })
  })

  test('an upload that was given up ends with its reason', async () => {
    const reason = new VaultError('body.truncated')
    const signal = AbortSignal.abort(reason)
    for (const unverified of [await drawIdCard(300), drawAddressProof()]) {
      await assert.rejects(inspect(vault, { unverified, type: 'id', signal }), error => error === reason)
    }
  })

  const samples = needsFolder('../shared/samples', 'sample papers')
  test('real papers are taken, and phone pictures in HEIC are not', { skip: samples.skip }, async () => {
    const taken = [
      'id/passport-1.jpg',
      'id/driving-licence-2.png',
      'selfie/5.jpg',
      'tricky/gps.jpg',
      'address/invoice.pdf',
    ]
    for (const file of taken) assert.ok((await look(readFileSync(`${samples.value}/${file}`))).bytes.length > 0, file)
    const turned = await look(readFileSync(`${samples.value}/tricky/orientation-6.jpg`))
    assert.deepEqual(turned.pixels, { width: 450, height: 600 })
    for (const file of ['phone.heic', 'phone-2.heic']) {
      await refuses(look(readFileSync(`${samples.value}/tricky/${file}`)), 'file.type-not-accepted')
    }
  })
})

async function refuses(looking: Promise<Inspected>, code: string): Promise<VaultError['facts']> {
  const error = await looking.then(
    () => assert.fail(`admitted, but should be ${code}`),
    (caught: unknown) => caught,
  )
  assert.ok(error instanceof VaultError)
  assert.equal(error.code, code)
  return error.facts
}
