import type { Readable } from 'node:stream'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { BlobFacts, Blobs, OpenBlob } from '../ports/blobs.ts'
import { asBlobsError, refusalIn } from './s3-answers.ts'
import { newS3Client, type S3Place } from './s3-client.ts'
import { Patience } from './s3-patience.ts'
import { putOnce } from './s3-put.ts'

export interface S3BlobsOptions extends S3Place {
  /** Before every key, `name/` or nothing: lets several vaults share a bucket. */
  readonly prefix?: string
  /** How long the store may be silent before a call is given up; milliseconds, 2,500 when absent. */
  readonly silenceMs?: number
}

const keyPattern = /^v1\/([0-9a-f]{2})\/\1[0-9a-f]{62}$/

/**
 * Blobs in an S3 bucket, versioned or not: `<prefix>v1/<2 hex>/<64 hex>`. A put is conditional on the key being free and
 * checked by the store against a SHA-256; a delete takes every version and every delete marker. Needs the rights
 * `s3:PutObject`, `GetObject`, `DeleteObject`, `DeleteObjectVersion`, `ListBucket` and `ListBucketVersions`.
 */
export class S3Blobs implements Blobs, AsyncDisposable {
  readonly #client: S3Client
  readonly #bucket: string
  readonly #prefix: string
  readonly #silenceMs: number

  constructor(options: S3BlobsOptions) {
    this.#client = newS3Client(options)
    this.#bucket = options.bucket
    this.#prefix = options.prefix ?? ''
    this.#silenceMs = options.silenceMs ?? 2_500
  }

  /** Where an abort came too late for the object not to appear, it is deleted again before the put rejects. */
  async put(by: Grant, key: string, parts: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const target = { client: this.#client, bucket: this.#bucket, key: this.#nameOf(key), silenceMs: this.#silenceMs }
    signal.throwIfAborted()
    const end = await putOnce(target, parts, signal).catch(error => stopped(error, signal))
    if (end === 'exists') throw new VaultError('blobs.exists')
    if (end === 'left-behind') await this.delete(by, key)
    signal.throwIfAborted()
  }

  /** The size now, the bytes when they are read, and only of this very object. */
  async open(key: string): Promise<OpenBlob> {
    const place = { Bucket: this.#bucket, Key: this.#nameOf(key) }
    const facts = await this.#ask(abortSignal =>
      this.#client.send(new HeadObjectCommand(place), { abortSignal }),
    ).catch(error => this.#whenAbsent(error))
    const { ContentLength: sizeBytes, ETag: etag } = facts
    if (sizeBytes === undefined) throw new VaultError('blobs.unavailable')
    const request = { ...place, ...(etag === undefined ? {} : { IfMatch: etag }) }
    return new OpenS3Blob(this.#client, request, sizeBytes, this.#silenceMs)
  }

  async delete(_by: Grant, key: string): Promise<void> {
    const name = this.#nameOf(key)
    for (const version of await this.#versionsOf(name)) {
      const command = new DeleteObjectCommand({ Bucket: this.#bucket, Key: name, VersionId: version })
      await this.#ask(abortSignal => this.#client.send(command, { abortSignal })).catch(absentIsFine)
    }
  }

  async *list(beforeMs: number): AsyncIterable<BlobFacts> {
    for (let token: string | undefined; ; ) {
      const command = new ListObjectsV2Command({
        Bucket: this.#bucket,
        Prefix: this.#prefix,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      })
      const page = await this.#ask(abortSignal => this.#client.send(command, { abortSignal })).catch(unavailable)
      for (const { Key: name, Size: sizeBytes, LastModified: modified } of page.Contents ?? []) {
        if (name === undefined || sizeBytes === undefined || modified === undefined) continue
        const modifiedAtMs = modified.getTime()
        if (modifiedAtMs < beforeMs) yield { key: name.slice(this.#prefix.length), sizeBytes, modifiedAtMs }
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined
      if (token === undefined) return
    }
  }

  /** The bucket answers to these credentials. That they may write is seen at the first put: a probe would leave versions. */
  async ready(): Promise<void> {
    const command = new HeadBucketCommand({ Bucket: this.#bucket })
    await this.#ask(abortSignal => this.#client.send(command, { abortSignal })).catch(unavailable)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy()
  }

  /** Every version and delete marker under exactly this name; in a bucket without versions, the one called `null`. */
  async #versionsOf(name: string): Promise<readonly string[]> {
    const found: string[] = []
    let after: { readonly KeyMarker?: string; readonly VersionIdMarker?: string } = {}
    for (;;) {
      const command = new ListObjectVersionsCommand({ Bucket: this.#bucket, Prefix: name, ...after })
      const page: ListObjectVersionsCommandOutput = await this.#ask(abortSignal =>
        this.#client.send(command, { abortSignal }),
      ).catch(unavailable)
      for (const { Key, VersionId } of [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])]) {
        if (Key === name && VersionId !== undefined) found.push(VersionId)
      }
      const { IsTruncated, NextKeyMarker: KeyMarker, NextVersionIdMarker: VersionIdMarker } = page
      if (!IsTruncated || KeyMarker === undefined) return found
      after = { KeyMarker, ...(VersionIdMarker === undefined ? {} : { VersionIdMarker }) }
    }
  }

  /** A HEAD tells an absent key and an absent bucket alike. */
  async #whenAbsent(error: unknown): Promise<never> {
    if (refusalIn(error) === 'absent') await this.ready()
    throw asBlobsError(error)
  }

  async #ask<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    using patience = new Patience(this.#silenceMs)
    return await patience.over(call(patience.signal))
  }

  /** @throws {VaultError} unexpected - a name of no blob, which is a defect of the caller: it never becomes a request */
  #nameOf(key: string): string {
    if (!keyPattern.test(key)) throw new VaultError('unexpected', { field: 'blobKey' })
    return `${this.#prefix}${key}`
  }
}

interface ReadRequest {
  readonly Bucket: string
  readonly Key: string
  readonly IfMatch?: string
}

class OpenS3Blob implements OpenBlob {
  readonly #client: S3Client
  readonly #request: ReadRequest
  readonly #silenceMs: number
  readonly sizeBytes: number

  constructor(client: S3Client, request: ReadRequest, sizeBytes: number, silenceMs: number) {
    this.#client = client
    this.#request = request
    this.sizeBytes = sizeBytes
    this.#silenceMs = silenceMs
  }

  /** Chunks as they arrive, each in a buffer of its own. The store is late only while somebody waits for it. */
  async *read(start: number, end: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
    signal.throwIfAborted()
    if (end > this.sizeBytes) throw new VaultError('blobs.unavailable')
    if (start === end) return
    using patience = new Patience(this.#silenceMs, signal)
    const body = await this.#fetch(start, end, patience).catch(error => stopped(error, signal))
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

  async #fetch(start: number, end: number, patience: Patience): Promise<Readable> {
    const command = new GetObjectCommand({ ...this.#request, Range: `bytes=${start}-${end - 1}` })
    const { Body: body } = await patience.over(this.#client.send(command, { abortSignal: patience.signal }))
    if (body === undefined) throw new VaultError('blobs.unavailable')
    // What breaks while nobody reads is met at the next read.
    const stream = body as Readable
    stream.on('error', () => undefined)
    return stream
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing stays open between reads.
  }
}

/** What a read ends with: the reason of an abort as it is, anything else as the store's failure. */
function stopped(error: unknown, signal: AbortSignal): never {
  signal.throwIfAborted()
  throw error instanceof VaultError ? error : new VaultError('blobs.unavailable', {}, error)
}

function absentIsFine(error: unknown): void {
  if (refusalIn(error) !== 'absent') throw asBlobsError(error)
}

/** Absence of anything else than a blob, such as the bucket, is a failure of the store. */
function unavailable(error: unknown): never {
  throw error instanceof VaultError ? error : new VaultError('blobs.unavailable', {}, error)
}

/** @throws {VaultError} blobs.unavailable - the bucket does not answer to these credentials */
export async function openS3Blobs(options: S3BlobsOptions): Promise<S3Blobs> {
  const blobs = new S3Blobs(options)
  await blobs.ready()
  return blobs
}
