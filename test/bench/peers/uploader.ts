import { createHash, randomUUID } from 'node:crypto'
import { open, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import express from 'express'
import { fileTypeFromBuffer } from 'file-type'
import multer from 'multer'
import sharp from 'sharp'
import { ChildPdfs } from '../../../src/adapters/child-pdfs.ts'

/**
 * A bare uploader: express, multer, sharp, one file in a folder, no key, no ledger, no trail. `careless` writes the file and
 * answers; `careful` also tells the kind by content, runs the vault's own PDF check in the same kind of child process,
 * hashes once, and syncs file and folder before it answers. Pictures are decoded and encoded alike in both, with the
 * settings of the vault.
 */
const [folder = '', manner = 'careless'] = process.argv.slice(2)
const careful = manner === 'careful'
const pdfs = new ChildPdfs()
const never = new AbortController().signal
if (careful) await pdfs.warm()
sharp.cache(false)

const upload = multer({ storage: multer.memoryStorage(), limits: { fileSize: 20 * 1024 * 1024, files: 1 } })
const app = express()
app.post('/v1/subjects/:subject/documents', upload.single('file'), async (req, res) => {
  const file = req.file
  if (!file) return void res.sendStatus(400)
  const kind = careful ? (await fileTypeFromBuffer(file.buffer.subarray(0, 4_100)))?.mime : file.mimetype
  const bytes = kind === 'application/pdf' ? file.buffer : await encoded(file.buffer)
  if (careful && kind === 'application/pdf') {
    const { refusal } = await pdfs.check(bytes, never)
    if (refusal) return void res.sendStatus(422)
  }
  const id = randomUUID()
  if (!careful) {
    await writeFile(join(folder, id), bytes)
    return void res.status(201).json({ id, sizeBytes: bytes.length })
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  await writeSynced(id, bytes)
  res.status(201).json({ id, sizeBytes: bytes.length, sha256 })
})

async function encoded(picture: Buffer): Promise<Buffer> {
  const image = sharp(picture, { failOn: 'warning', limitInputPixels: 40_000_000, autoOrient: true })
  return image.jpeg({ quality: 90, chromaSubsampling: '4:2:0' }).toBuffer()
}

async function writeSynced(name: string, bytes: Buffer): Promise<void> {
  const file = await open(join(folder, name), 'wx', 0o600)
  await file.writeFile(bytes)
  await file.sync()
  await file.close()
  const parent = await open(folder, 'r')
  await parent.sync()
  await parent.close()
}

const server = app.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}\n`)
})
process.once('SIGTERM', () => process.exit(0))
