import {
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { TenantId } from '../domain/ids.ts'
import type { Destroyed, DestroyedMark } from '../ports/destroyed.ts'
import { newS3Client, type S3Place } from './s3-client.ts'
import { Patience } from './s3-patience.ts'
import { putOnce } from './s3-put.ts'

export interface AnchorOptions extends S3Place {
  /** Before every key, `name/` or nothing: lets several vaults share a bucket. */
  readonly prefix?: string
  /** `compliance`: nobody can take it away before its time, not even the account; `governance`: a special right can. */
  readonly lock: 'compliance' | 'governance'
  /** How long each object is locked, from the time of its marks: longer than any backup of the vault is kept. */
  readonly lockDays: number
  readonly silenceMs?: number
}

const dayMs = 86_400_000
/** One for each append that another process makes meanwhile. */
const attempts = 20
/** Numbers count down, so that a listing begins with the newest. */
const mostAppends = 9_999_999_999
const namePattern = /^(\d{10})\.json$/

/**
 * One locked object for each append, `<prefix>destroyed/v1/<tenant>/<number>.json`, put only where nothing is. Numbers have no
 * gaps, so one that is missing is noticed; that none goes missing is the bucket's Object Lock. Needs the rights
 * `s3:ListBucket`, `GetObject` and, to append, `PutObject`, `PutObjectRetention`, `GetBucketObjectLockConfiguration`.
 */
export class S3Destroyed implements Destroyed, AsyncDisposable {
  readonly #client: S3Client
  readonly #options: AnchorOptions
  readonly #root: string
  readonly #silenceMs: number
  /** How many appends of a tenant this process has seen; another may have made more. */
  readonly #seen = new Map<TenantId, number>()
  #last: Promise<void> = Promise.resolve()

  constructor(options: AnchorOptions) {
    this.#client = newS3Client(options)
    this.#options = options
    this.#root = `${options.prefix ?? ''}destroyed/v1/`
    this.#silenceMs = options.silenceMs ?? 2_500
  }

  /** One after the other, so that only other processes are met. */
  async append(_by: Grant, marks: readonly DestroyedMark[]): Promise<void> {
    const mine = this.#last.then(() => this.#put(marks))
    this.#last = mine.catch(() => undefined)
    await mine
  }

  async #put(marks: readonly DestroyedMark[]): Promise<void> {
    const [first] = marks
    if (!first) return
    const { tenant } = first
    const body = Buffer.from(JSON.stringify({ v: 1, marks }))
    const untilMs = Math.max(...marks.map(({ atMs }) => atMs)) + this.#options.lockDays * dayMs
    const lock = { mode: this.#options.lock, untilMs }
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const n = this.#seen.get(tenant) ?? (await this.#count(tenant))
      const target = { client: this.#client, bucket: this.#options.bucket, silenceMs: this.#silenceMs, lock }
      const end = await translated(() =>
        putOnce({ ...target, key: this.#nameOf(tenant, n) }, [body], AbortSignal.timeout(30_000)),
      )
      if (end === 'stored') {
        this.#seen.set(tenant, n + 1)
        return
      }
      // Another process was there first: the next number is asked for anew.
      this.#seen.delete(tenant)
    }
    throw new VaultError('keys.unavailable', { detail: 'the anchor bucket' })
  }

  async *list(): AsyncIterable<DestroyedMark> {
    for (const tenant of await this.#tenants()) {
      let expected: number | undefined
      for await (const n of this.#numbers(tenant)) {
        if (expected !== undefined && n !== expected) throw damaged()
        yield* await this.#marksIn(tenant, n)
        expected = n - 1
      }
      if (expected !== undefined && expected !== -1) throw damaged()
    }
  }

  async newest(): Promise<readonly DestroyedMark[]> {
    const tenants = await this.#tenants()
    return (await Promise.all(tenants.map(tenant => this.#newestOf(tenant)))).flat()
  }

  async #newestOf(tenant: TenantId): Promise<readonly DestroyedMark[]> {
    const last: DestroyedMark[] = []
    for await (const n of this.#numbers(tenant)) {
      const marks = await this.#marksIn(tenant, n)
      const tellsOfRows = marks.some(({ rowless }) => rowless === undefined)
      if (last.length === 0 || tellsOfRows) last.push(...marks)
      if (tellsOfRows) break
    }
    return last
  }

  /** @throws {VaultError} config.invalid - nothing that is put there would be locked */
  async requireLock(): Promise<void> {
    const command = new GetObjectLockConfigurationCommand({ Bucket: this.#options.bucket })
    const answer = await this.#ask(abortSignal => this.#client.send(command, { abortSignal })).catch(error => {
      if (error instanceof VaultError && isAbsentLock(error.cause)) return undefined
      throw error
    })
    if (answer?.ObjectLockConfiguration?.ObjectLockEnabled === 'Enabled') return
    const problems = [{ field: 'VAULT_ANCHOR_BUCKET', message: 'names a bucket without Object Lock' }]
    throw new VaultError('config.invalid', { problems })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy()
  }

  async #tenants(): Promise<readonly TenantId[]> {
    const found: TenantId[] = []
    for await (const page of this.#pages({ Prefix: this.#root, Delimiter: '/' })) {
      for (const { Prefix } of page.CommonPrefixes ?? []) {
        if (Prefix !== undefined) found.push(Prefix.slice(this.#root.length, -1) as TenantId)
      }
    }
    return found
  }

  async #count(tenant: TenantId): Promise<number> {
    for await (const n of this.#numbers(tenant, 1)) return n + 1
    return 0
  }

  /** From the newest. */
  async *#numbers(tenant: TenantId, atOnce?: number): AsyncIterable<number> {
    const prefix = `${this.#root}${tenant}/`
    for await (const page of this.#pages({ Prefix: prefix, ...(atOnce === undefined ? {} : { MaxKeys: atOnce }) })) {
      for (const { Key } of page.Contents ?? []) {
        const [, digits] = namePattern.exec(Key?.slice(prefix.length) ?? '') ?? []
        if (digits === undefined) throw damaged()
        yield mostAppends - Number(digits)
      }
    }
  }

  async #marksIn(tenant: TenantId, n: number): Promise<readonly DestroyedMark[]> {
    const command = new GetObjectCommand({ Bucket: this.#options.bucket, Key: this.#nameOf(tenant, n) })
    const text = await this.#ask(async abortSignal => {
      const { Body } = await this.#client.send(command, { abortSignal })
      return Body?.transformToString()
    })
    const line = parsed(text ?? '')
    if (line?.v !== 1 || !line.marks.every(mark => mark.tenant === tenant)) throw damaged()
    return line.marks
  }

  async *#pages(ask: {
    readonly Prefix: string
    readonly Delimiter?: string
    readonly MaxKeys?: number
  }): AsyncIterable<ListObjectsV2CommandOutput> {
    for (let token: string | undefined; ; ) {
      const more = token === undefined ? {} : { ContinuationToken: token }
      const command = new ListObjectsV2Command({ Bucket: this.#options.bucket, ...ask, ...more })
      const page = await this.#ask(abortSignal => this.#client.send(command, { abortSignal }))
      yield page
      token = page.IsTruncated ? page.NextContinuationToken : undefined
      if (token === undefined) return
    }
  }

  #nameOf(tenant: TenantId, n: number): string {
    return `${this.#root}${tenant}/${String(mostAppends - n).padStart(10, '0')}.json`
  }

  #ask<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return translated(async () => {
      using patience = new Patience(this.#silenceMs)
      return await patience.over(call(patience.signal))
    })
  }
}

/**
 * Opens the list in the anchor bucket.
 * @param mayAppend whether this process destroys: then the bucket must lock what is put there
 * @throws {VaultError} keys.unavailable - the bucket does not answer to these credentials
 * @throws {VaultError} config.invalid - it has no Object Lock
 */
export async function openS3Destroyed(options: AnchorOptions, mayAppend: boolean): Promise<S3Destroyed> {
  const destroyed = new S3Destroyed(options)
  try {
    if (mayAppend) await destroyed.requireLock()
    return destroyed
  } catch (error) {
    await destroyed[Symbol.asyncDispose]()
    throw error
  }
}

function isAbsentLock(error: unknown): boolean {
  return error instanceof Error && error.name === 'ObjectLockConfigurationNotFoundError'
}

interface Stored {
  readonly v: unknown
  readonly marks: readonly DestroyedMark[]
}

function parsed(text: string): Stored | undefined {
  try {
    return JSON.parse(text) as Stored
  } catch {
    return undefined
  }
}

function damaged(): VaultError {
  return new VaultError('keys.unavailable', { detail: 'the list of the destroyed in the anchor bucket has a gap' })
}

async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof VaultError && !error.code.startsWith('blobs.') && error.code !== 'storage.full') throw error
    throw new VaultError('keys.unavailable', { detail: 'the anchor bucket' }, error)
  }
}
