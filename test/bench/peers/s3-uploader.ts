import { createHash, randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import express from 'express'
import { fileTypeFromBuffer } from 'file-type'
import multer from 'multer'
import { ChildPdfs } from '../../../src/adapters/child-pdfs.ts'
import { newS3Client } from '../../../src/adapters/s3-client.ts'

/**
 * A bare uploader and reader on S3: express, multer, the vault's own S3 client and nothing of its kind else, no key, no
 * ledger, no trail. Like the vault it tells the kind by content, runs the same PDF check in the same kind of child process,
 * and lets the store check a SHA-256.
 */
const [, endpoint = '', region = '', bucket = ''] = process.argv.slice(2)
const client = newS3Client({ endpoint, region, bucket })
const pdfs = new ChildPdfs()
const never = new AbortController().signal
await pdfs.warm()

const upload = multer({ storage: multer.memoryStorage(), limits: { fileSize: 20 * 1024 * 1024, files: 1 } })
const app = express()
app.post('/v1/subjects/:subject/documents', upload.single('file'), async (req, res) => {
  const bytes = req.file?.buffer
  const kind = bytes && (await fileTypeFromBuffer(bytes.subarray(0, 4_100)))?.mime
  if (!bytes || kind !== 'application/pdf') return void res.sendStatus(415)
  const { refusal } = await pdfs.check(bytes, never)
  if (refusal) return void res.sendStatus(422)
  const id = randomUUID()
  const ChecksumSHA256 = createHash('sha256').update(bytes).digest('base64')
  await client.send(
    new PutObjectCommand({ Bucket: bucket, Key: `bare/${id}`, Body: bytes, ChecksumSHA256, IfNoneMatch: '*' }),
  )
  res.status(201).json({ id, sizeBytes: bytes.length })
})
app.get('/v1/documents/:id/content', async (req, res) => {
  const { Body, ContentLength } = await client.send(
    new GetObjectCommand({ Bucket: bucket, Key: `bare/${req.params.id}` }),
  )
  if (!(Body instanceof Readable)) return void res.sendStatus(404)
  res.writeHead(200, { 'Content-Type': 'application/pdf', 'Content-Length': ContentLength })
  await pipeline(Body, res)
})

const server = app.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}\n`)
})
process.once('SIGTERM', () => process.exit(0))
