import { createDecipheriv, type DecipherGCM } from 'node:crypto'
import { VaultError } from '../domain/errors.ts'
import { bindFrames, frameLength, framesOf, headerLength, tagBytes, writeHeader } from './frames.ts'
import type { ReadAhead } from './read-ahead.ts'
import { Turns } from './turns.ts'

/**
 * Reads are many at once and each is judged by its first byte, so a slice is shorter than two frames with their writes to a
 * socket; on slow machines it ends with every frame.
 */
const sliceMs = 0.04

/** One frame, whole and verified. */
export interface OpenFrame {
  readonly sequence: number
  /** In order; the pieces follow the chunks that were read. */
  readonly plaintext: readonly Uint8Array[]
  /** The frame as it is stored: header, ciphertext, tag. */
  readonly stored: readonly Uint8Array[]
}

/**
 * Opens the frames that `body` reads, in order. A frame is given only after its tag held: the cipher gives plaintext before
 * that, so one whole frame is kept back. Other work gets its turn between frames. The content key is wiped when it ends.
 *
 * @param contentKey 32 bytes, its own from the first `next` on
 * @param messageId 32 bytes
 * @throws {VaultError} seal.broken - a frame is not the one that was sealed at its place, or is missing
 * @throws {VaultError} blobs.unavailable - the store failed
 */
export async function* openFrames(
  contentKey: Uint8Array,
  messageId: Uint8Array,
  body: ReadAhead,
): AsyncGenerator<OpenFrame, void, undefined> {
  try {
    if (!body.sound) throw new VaultError('seal.broken')
    const { layout } = body
    const range = framesOf(layout, body.start, body.end)
    const bind = bindFrames(layout, messageId)
    const source = new Source(body)
    const turns = new Turns(sliceMs)
    for (let sequence = range.first; sequence <= range.last; sequence++) {
      const header = Buffer.allocUnsafe(headerLength(layout, sequence))
      writeHeader(layout, sequence, header, 0)
      if (!header.equals(source.here(header.length) ?? (await source.whole(header.length))))
        throw new VaultError('seal.broken')
      const { iv, aad } = bind(sequence)
      const decipher = createDecipheriv('aes-256-gcm', contentKey, iv, { authTagLength: tagBytes }).setAAD(aad)
      const unverified: Uint8Array[] = []
      const stored: Uint8Array[] = [header]
      for (let left = frameLength(layout, sequence); left > 0; ) {
        const piece = source.take(left) ?? (await source.piece(left))
        unverified.push(decipher.update(piece))
        stored.push(piece)
        left -= piece.length
      }
      const tag = source.here(tagBytes) ?? (await source.whole(tagBytes))
      stored.push(tag)
      verify(decipher, tag)
      yield { sequence, plaintext: unverified, stored }
      if (sequence < range.last && turns.due()) await turns.take()
    }
  } finally {
    contentKey.fill(0)
  }
}

function verify(decipher: DecipherGCM, tag: Uint8Array): void {
  try {
    decipher.setAuthTag(tag)
    decipher.final()
  } catch (cause) {
    throw new VaultError('seal.broken', {}, cause)
  }
}

/** Cuts what is read into pieces of the wanted length, copying only where a header or tag lies across two chunks. */
class Source {
  readonly #body: ReadAhead
  #chunk: Uint8Array = new Uint8Array(0)

  constructor(body: ReadAhead) {
    this.#body = body
  }

  /** 1 to `most` bytes of what is here already; undefined when nothing is. */
  take(most: number): Uint8Array | undefined {
    if (this.#chunk.length === 0) return undefined
    const piece = this.#chunk.subarray(0, most)
    this.#chunk = this.#chunk.subarray(piece.length)
    return piece
  }

  /** Exactly `length` bytes in one piece if they are here already, without the price of a promise. */
  here(length: number): Uint8Array | undefined {
    return this.#chunk.length < length ? undefined : this.take(length)
  }

  /** 1 to `most` bytes. */
  async piece(most: number): Promise<Uint8Array> {
    for (;;) {
      const piece = this.take(most)
      if (piece) return piece
      const chunk = await this.#body.next()
      if (!chunk) throw new VaultError('seal.broken')
      this.#chunk = chunk
    }
  }

  /** Exactly `length` bytes in one piece. */
  async whole(length: number): Promise<Uint8Array> {
    const first = await this.piece(length)
    if (first.length === length) return first
    const joined = Buffer.allocUnsafe(length)
    joined.set(first)
    for (let at = first.length; at < length; ) {
      const piece = await this.piece(length - at)
      joined.set(piece, at)
      at += piece.length
    }
    return joined
  }
}
