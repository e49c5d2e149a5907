import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { BlobFacts, BlobRange, Blobs, OpenBlob } from '../ports/blobs.ts'
import { asBlobsError, refusalIn } from './s3-answers.ts'
import { askS3 } from './s3-ask.ts'
import { newS3Client, type S3Place } from './s3-client.ts'
import { openS3Object, stopped } from './s3-open.ts'
import { putOnce } from './s3-put.ts'

export interface S3BlobsOptions extends S3Place {
  /** Before every key, `name/` or nothing: lets several vaults share a bucket. */
  readonly prefix?: string
  /** How long the store may be silent before a call is given up; milliseconds, 2,500 when absent. */
  readonly silenceMs?: number
  /** False in a process that puts nothing: then it is ready when the bucket answers. */
  readonly puts?: boolean
}

/** Of the object that `ready` asks for; the only one that is no blob. */
/** Most that the store deletes by one request. */
const mostAtOnce = 1_000
const probeName = 'v1/probe'
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
  readonly #puts: boolean

  constructor(options: S3BlobsOptions) {
    this.#client = newS3Client(options)
    this.#bucket = options.bucket
    this.#prefix = options.prefix ?? ''
    this.#silenceMs = options.silenceMs ?? 2_500
    this.#puts = options.puts ?? true
  }

  /** Where an abort came too late for the object not to appear, it is deleted again before the put rejects. */
  async put(
    by: Grant,
    key: string,
    parts: readonly Uint8Array[],
    signal: AbortSignal,
    sha256?: Promise<string>,
  ): Promise<void> {
    const target = { client: this.#client, bucket: this.#bucket, key: this.#nameOf(key), silenceMs: this.#silenceMs }
    signal.throwIfAborted()
    const end = await putOnce(target, parts, signal, sha256).catch(error => stopped(error, signal))
    if (end === 'exists') throw new VaultError('blobs.exists')
    if (end === 'left-behind') await this.delete(by, key)
    signal.throwIfAborted()
  }

  /** One request where it is known what will be read first, and two otherwise; the bytes are only of this very object. */
  async open(key: string, first?: BlobRange): Promise<OpenBlob> {
    const place = { client: this.#client, bucket: this.#bucket, key: this.#nameOf(key), silenceMs: this.#silenceMs }
    return await openS3Object(place, first).catch(error => this.#whenAbsent(error))
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
        if (name === undefined || name === this.#probe || sizeBytes === undefined || modified === undefined) continue
        const modifiedAtMs = modified.getTime()
        if (modifiedAtMs < beforeMs) yield { key: name.slice(this.#prefix.length), sizeBytes, modifiedAtMs }
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined
      if (token === undefined) return
    }
  }

  /**
   * Puts an empty object under a name of no blob, on the condition that it is not there: made once, and refused with 412 ever
   * after, which a store says only to who may write.
   */
  async ready(): Promise<void> {
    if (!this.#puts) return this.#requireBucket()
    const command = new PutObjectCommand({ Bucket: this.#bucket, Key: this.#probe, Body: '', IfNoneMatch: '*' })
    await this.#ask(abortSignal => this.#client.send(command, { abortSignal })).catch(error => {
      const refusal = refusalIn(error)
      // In the middle of another instance's first probe.
      if (refusal !== 'exists' && refusal !== 'conflict') throw asBlobsError(error)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy()
  }

  /** One request for all versions, once each key was asked for its own. */
  async deleteAll(_by: Grant, keys: readonly string[]): Promise<void> {
    const names = keys.map(key => this.#nameOf(key))
    const objects = (await Promise.all(names.map(async Key => this.#objectsOf(Key)))).flat()
    for (let at = 0; at < objects.length; at += mostAtOnce) {
      const Delete = { Objects: objects.slice(at, at + mostAtOnce), Quiet: true }
      const command = new DeleteObjectsCommand({ Bucket: this.#bucket, Delete })
      const { Errors = [] } = await this.#ask(abortSignal => this.#client.send(command, { abortSignal })).catch(
        unavailable,
      )
      if (Errors.some(({ Code }) => Code !== 'NoSuchVersion' && Code !== 'NoSuchKey')) {
        throw new VaultError('blobs.unavailable')
      }
    }
  }

  async #objectsOf(Key: string) {
    return (await this.#versionsOf(Key)).map(VersionId => ({ Key, VersionId }))
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

  get #probe(): string {
    return `${this.#prefix}${probeName}`
  }

  /** Some stores tell an absent key and an absent bucket alike. */
  async #whenAbsent(error: unknown): Promise<never> {
    if (refusalIn(error) === 'absent') await this.#requireBucket()
    throw asBlobsError(error)
  }

  async #requireBucket(): Promise<void> {
    const command = new HeadBucketCommand({ Bucket: this.#bucket })
    await this.#ask(abortSignal => this.#client.send(command, { abortSignal })).catch(unavailable)
  }

  async #ask<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return await askS3(this.#silenceMs, call)
  }

  /** @throws {VaultError} unexpected - a name of no blob, which is a defect of the caller: it never becomes a request */
  #nameOf(key: string): string {
    if (!keyPattern.test(key)) throw new VaultError('unexpected', { field: 'blobKey' })
    return `${this.#prefix}${key}`
  }
}

function absentIsFine(error: unknown): void {
  if (refusalIn(error) !== 'absent') throw asBlobsError(error)
}

/** Absence of anything else than a blob, such as the bucket, is a failure of the store. */
function unavailable(error: unknown): never {
  throw error instanceof VaultError ? error : new VaultError('blobs.unavailable', {}, error)
}

/** @throws {VaultError} blobs.unavailable - the bucket does not let these credentials write */
export async function openS3Blobs(options: S3BlobsOptions): Promise<S3Blobs> {
  const blobs = new S3Blobs(options)
  await blobs.ready()
  return blobs
}
