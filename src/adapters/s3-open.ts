import type { Readable } from 'node:stream'
import { GetObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { VaultError } from '../domain/errors.ts'
import type { BlobRange, OpenBlob } from '../ports/blobs.ts'
import { refusalIn } from './s3-answers.ts'
import { askS3 } from './s3-ask.ts'
import { Patience } from './s3-patience.ts'

/** An object, by its whole name. */
export interface S3Object {
  readonly client: S3Client
  readonly bucket: string
  readonly key: string
  readonly silenceMs: number
}

/** A part of an object on its way, and what it was said to be a part of. */
interface Part extends BlobRange {
  readonly body: Readable
  readonly sizeBytes: number
  readonly etag: string | undefined
}

/**
 * Looks at an object: by asking for the range that will be read first, whose answer tells the size too, or by its head.
 *
 * @throws what the client says, for the caller to translate
 */
export async function openS3Object(object: S3Object, first?: BlobRange): Promise<OpenBlob> {
  const ahead = first && first.start < first.end ? await part(object, first).catch(whenBeyond) : undefined
  if (ahead) return new OpenS3Blob(object, ahead.sizeBytes, ahead.etag, ahead)
  const command = new HeadObjectCommand({ Bucket: object.bucket, Key: object.key })
  const { ContentLength: sizeBytes, ETag: etag } = await askS3(object.silenceMs, abortSignal =>
    object.client.send(command, { abortSignal }),
  )
  if (sizeBytes === undefined) throw new VaultError('blobs.unavailable')
  return new OpenS3Blob(object, sizeBytes, etag)
}

/** An object that ends before the range is told by its size, like any other of the wrong one. */
function whenBeyond(error: unknown): undefined {
  if (refusalIn(error) !== 'beyond') throw error
}

async function part(object: S3Object, range: BlobRange, etag?: string, patience?: Patience): Promise<Part> {
  const { client, bucket: Bucket, key: Key, silenceMs } = object
  const Range = `bytes=${range.start}-${range.end - 1}`
  const command = new GetObjectCommand({ Bucket, Key, Range, ...(etag === undefined ? {} : { IfMatch: etag }) })
  const ask = (abortSignal: AbortSignal) => client.send(command, { abortSignal })
  const answer = patience ? await patience.over(ask(patience.signal)) : await askS3(silenceMs, ask)
  const sizeBytes = Number(/^bytes \d+-\d+\/(\d+)$/.exec(answer.ContentRange ?? '')?.[1] ?? Number.NaN)
  if (answer.Body === undefined) throw new VaultError('blobs.unavailable')
  const body = answer.Body as Readable
  // What breaks while nobody reads is met at the next read.
  body.on('error', () => undefined)
  if (!Number.isSafeInteger(sizeBytes)) {
    body.destroy()
    throw new VaultError('blobs.unavailable')
  }
  return { ...range, body, sizeBytes, etag: answer.ETag }
}

class OpenS3Blob {
  readonly #object: S3Object
  readonly #etag: string | undefined
  readonly sizeBytes: number
  #ahead: Part | undefined

  constructor(object: S3Object, sizeBytes: number, etag: string | undefined, ahead?: Part) {
    this.#object = object
    this.#etag = etag
    this.sizeBytes = sizeBytes
    this.#ahead = ahead
  }

  /** Chunks as they arrive, each in a buffer of its own. The store is late only while somebody waits for it. */
  async *read(start: number, end: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
    signal.throwIfAborted()
    if (end > this.sizeBytes) throw new VaultError('blobs.unavailable')
    if (start === end) return
    using patience = new Patience(this.#object.silenceMs, signal)
    const body = this.#takeAhead(start, end) ?? (await this.#fetch(start, end, patience, signal))
    let left = end - start
    try {
      const chunks = body[Symbol.asyncIterator]()
      while (left > 0) {
        patience.renew()
        const next = await patience.over(chunks.next()).catch(error => stopped(error, signal))
        patience.pause()
        if (next.done) throw new VaultError('blobs.unavailable')
        const chunk = next.value as Uint8Array
        left -= chunk.byteLength
        if (left < 0) throw new VaultError('blobs.unavailable')
        yield chunk
        signal.throwIfAborted()
      }
    } finally {
      // A body that was read to its end gives its connection back; any other is cut.
      if (left > 0) body.destroy()
      else body.resume()
    }
  }

  #takeAhead(start: number, end: number): Readable | undefined {
    const ahead = this.#ahead
    if (ahead?.start !== start || ahead.end !== end) return undefined
    this.#ahead = undefined
    return ahead.body
  }

  async #fetch(start: number, end: number, patience: Patience, signal: AbortSignal): Promise<Readable> {
    const fetched = await part(this.#object, { start, end }, this.#etag, patience).catch(error =>
      stopped(error, signal),
    )
    return fetched.body
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ahead?.body.destroy()
  }
}

/** What a call ends with: the reason of an abort as it is, anything else as the store's failure. */
export function stopped(error: unknown, signal: AbortSignal): never {
  signal.throwIfAborted()
  throw error instanceof VaultError ? error : new VaultError('blobs.unavailable', {}, error)
}
