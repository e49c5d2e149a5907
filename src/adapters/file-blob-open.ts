import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { VaultError } from '../domain/errors.ts'
import type { OpenBlob } from '../ports/blobs.ts'
import { translated } from './file-blob-errors.ts'

const { O_NOFOLLOW, O_RDONLY } = constants
/** Four frames of ciphertext: the piece that reads ahead measured best. */
const chunkBytes = 4 * (65_536 + 32)

/** Opens a blob's file for reading. @throws {VaultError} blobs.missing - no regular file is there */
export function openBlobFile(path: string): Promise<OpenBlob> {
  return translated(() => openRegular(path), 'blobs.missing')
}

async function openRegular(path: string): Promise<OpenFileBlob> {
  const file = await open(path, O_RDONLY | O_NOFOLLOW)
  const stat = await file.stat()
  if (stat.isFile()) return new OpenFileBlob(file, stat.size)
  await file.close()
  throw new VaultError('blobs.missing')
}

class OpenFileBlob {
  readonly #file: FileHandle
  readonly sizeBytes: number

  constructor(file: FileHandle, sizeBytes: number) {
    this.#file = file
    this.sizeBytes = sizeBytes
  }

  /** Chunks of 262,272 bytes but for the last, each in a buffer of its own, so that they may be kept. */
  async *read(start: number, end: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
    for (let at = start; at < end; at += chunkBytes) {
      signal.throwIfAborted()
      yield await translated(() => this.#fill(at, Math.min(chunkBytes, end - at)))
    }
  }

  async #fill(at: number, length: number): Promise<Uint8Array> {
    const chunk = Buffer.allocUnsafeSlow(length)
    for (let filled = 0; filled < length; ) {
      const { bytesRead } = await this.#file.read(chunk, filled, length - filled, at + filled)
      if (bytesRead === 0) throw new VaultError('blobs.unavailable')
      filled += bytesRead
    }
    return chunk
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close()
  }
}
