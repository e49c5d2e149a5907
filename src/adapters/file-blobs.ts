import { constants } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, opendir, statfs, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { BlobFacts, Blobs, OpenBlob } from '../ports/blobs.ts'
import { codeOf, translate, translated } from './file-blob-errors.ts'
import { openBlobFile } from './file-blob-open.ts'

const { O_CREAT, O_DSYNC, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants

export interface FileBlobsOptions {
  /** Made if it is not there; nothing else may write below it. */
  readonly folder: string
  /** The low-water mark: with less free room than this a put is refused, so that purging and the trail can go on. */
  readonly reserveBytes: number
  /** How long one call may wait for the disk; milliseconds, 30,000 when absent. */
  readonly timeoutMs?: number
}

const keyPattern = /^v1\/([0-9a-f]{2})\/\1[0-9a-f]{62}$/

/**
 * One file for each blob, `<folder>/v1/<2 hex>/<64 hex>`, mode 0600. A file is written at its final name, since no row shows
 * it before the ledger's last commit, and is durable once written (O_DSYNC) and its folder is synchronised. The 256 shard
 * folders are made on first use and stay open.
 */
export class FileBlobs implements Blobs, AsyncDisposable {
  readonly #root: string
  readonly #reserveBytes: number
  readonly #timeoutMs: number
  readonly #shards = new Map<string, Promise<FileHandle>>()

  /** Use `openFileBlobs`. */
  constructor({ folder, reserveBytes, timeoutMs = 30_000 }: FileBlobsOptions) {
    this.#root = folder
    this.#reserveBytes = reserveBytes
    this.#timeoutMs = timeoutMs
  }

  async put(_by: Grant, key: string, parts: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    const path = this.#pathOf(key)
    signal.throwIfAborted()
    const gaveUp = new AbortController()
    try {
      await this.#inTime(this.#write(path, shardOf(key), parts, AbortSignal.any([signal, gaveUp.signal])))
    } catch (error) {
      // Written too late it takes itself back: whoever gave up does not know of it, and its row may have been swept by then.
      gaveUp.abort()
      throw error
    }
  }

  async open(key: string): Promise<OpenBlob> {
    const path = this.#pathOf(key)
    // Too late is still open: whoever gave up will not close it.
    return this.#inTime(openBlobFile(path), late => void late[Symbol.asyncDispose]())
  }

  async delete(_by: Grant, key: string): Promise<void> {
    const path = this.#pathOf(key)
    await this.#inTime(
      translated(async () => {
        await unlinkIfThere(path)
        await (await this.#shard(shardOf(key))).sync()
      }),
    )
  }

  /** Each folder is synchronised once, after the last of its files; the first sync settles most of the others. */
  async deleteAll(_by: Grant, keys: readonly string[]): Promise<void> {
    const paths = keys.map(key => this.#pathOf(key))
    const shards = [...new Set(keys.map(shardOf))]
    await this.#inTime(
      translated(async () => {
        await inTurns(paths, unlinkIfThere)
        await inTurns(shards, async shard => (await this.#shard(shard)).sync())
      }),
    )
  }

  async *list(beforeMs: number): AsyncIterable<BlobFacts> {
    yield* listFolder(this.#root, '', beforeMs)
  }

  async ready(): Promise<void> {
    await this.#inTime(translated(() => this.#requireRoom(0)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const shards = await Promise.allSettled(this.#shards.values())
    this.#shards.clear()
    await Promise.all(shards.map(async shard => (shard.status === 'fulfilled' ? shard.value.close() : undefined)))
  }

  async #write(path: string, shard: string, parts: readonly Uint8Array[], signal: AbortSignal): Promise<void> {
    await translated(async () => {
      const sizeBytes = parts.reduce((sum, part) => sum + part.byteLength, 0)
      const [folder] = await Promise.all([this.#shard(shard), this.#requireRoom(sizeBytes)])
      const file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_DSYNC | O_NOFOLLOW, 0o600)
      try {
        try {
          const { bytesWritten } = await file.writev(parts)
          if (bytesWritten !== sizeBytes) throw new VaultError('storage.full', { sizeBytes })
        } finally {
          await file.close()
        }
        await folder.sync()
        signal.throwIfAborted()
      } catch (error) {
        await unlinkIfThere(path)
        await folder.sync()
        throw error
      }
    })
  }

  /** The shard's folder, made and held open; its name is durable before a file is put into it. */
  #shard(name: string): Promise<FileHandle> {
    const known = this.#shards.get(name)
    if (known) return known
    const opening = openFolder(join(this.#root, 'v1'), name)
    this.#shards.set(name, opening)
    opening.catch(() => this.#shards.delete(name))
    return opening
  }

  async #requireRoom(sizeBytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.#root)
    if (bavail * bsize < this.#reserveBytes + sizeBytes) throw new VaultError('storage.full', { sizeBytes })
  }

  /** @throws {VaultError} unexpected - a name of no blob, which is a defect of the caller: it never becomes a path */
  #pathOf(key: string): string {
    if (!keyPattern.test(key)) throw new VaultError('unexpected', { field: 'blobKey' })
    return join(this.#root, key)
  }

  /** What a disk that hangs leaves behind is cleaned up when it answers, or by the sweep: the call does not wait for it. */
  async #inTime<T>(work: Promise<T>, onLate?: (late: T) => void): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => {
      // Nobody waits for the work any more: its failure is answered already, its result is given back.
      work.then(onLate, () => undefined)
      reject(new VaultError('blobs.unavailable'))
    }, this.#timeoutMs)
    try {
      return await Promise.race([work, late])
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Makes the folder if need be and answers once it can be written to. */
export async function openFileBlobs(options: FileBlobsOptions): Promise<FileBlobs> {
  await mkdir(join(options.folder, 'v1'), { recursive: true, mode: 0o700 })
  return new FileBlobs(options)
}

/** Of the pool that file systems are asked by; one is left to readers. */
const threads = 3

const shardOf = (key: string): string => key.slice(3, 5)

/** The parent is never made here: where it went, the disk went, and a new folder would hide that. */
async function openFolder(parent: string, name: string): Promise<FileHandle> {
  const path = join(parent, name)
  if (await madeFolder(path)) {
    await using above = await open(parent, O_RDONLY)
    await above.sync()
  }
  return open(path, O_RDONLY)
}

async function madeFolder(path: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: 0o700 })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** As many at once as there are threads to do it: more would only keep others waiting. */
async function inTurns<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const waiting = items.values()
  const worker = async (): Promise<void> => {
    for (const item of waiting) await work(item)
  }
  await Promise.all(Array.from({ length: threads }, worker))
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
}

async function* listFolder(root: string, prefix: string, beforeMs: number): AsyncIterable<BlobFacts> {
  const folder = await translated(() => opendir(join(root, prefix)))
  for await (const entry of folder) {
    const key = prefix === '' ? entry.name : `${prefix}/${entry.name}`
    if (entry.isDirectory()) {
      yield* listFolder(root, key, beforeMs)
      continue
    }
    // A file may go while it is being listed: then it is simply not there.
    const facts = await factsOf(root, key)
    if (facts && facts.modifiedAtMs < beforeMs) yield facts
  }
}

async function factsOf(root: string, key: string): Promise<BlobFacts | undefined> {
  try {
    const { size, mtimeMs } = await lstat(join(root, key))
    return { key, sizeBytes: size, modifiedAtMs: Math.floor(mtimeMs) }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw translate(error, 'blobs.unavailable')
  }
}
