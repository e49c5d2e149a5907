import { VaultError } from '../domain/errors.ts'

const smallestBuffer = 256 * 1024

/** A buffer lent for one upload. */
export interface Lease {
  /** Puts `bytes` after what is there; grows by doubling, which happens only where no length was declared. */
  add(bytes: Uint8Array): void
  /** What was added, in order; a view that is valid until the lease ends. */
  contents(): Uint8Array
  /** `reuse` only when nothing can still be reading the buffer: native code may outlive an aborted call. */
  end(reuse: boolean): void
}

/**
 * The memory of uploads in flight: one global budget in bytes, and buffers that are used again, since each fresh external
 * buffer brings the next full collection nearer (10 to 15 uploads, measured).
 */
export class UploadMemory {
  readonly #budgetBytes: number
  readonly #keepBytes: number
  readonly #free: Uint8Array[] = []
  #usedBytes = 0
  #freeBytes = 0

  constructor(budgetBytes: number) {
    this.#budgetBytes = budgetBytes
    this.#keepBytes = Math.min(budgetBytes, 64 * 1024 * 1024)
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /**
   * @param declaredBytes length of the whole body if declared; it bounds the file
   * @param maxBytes the most that the lease may ever hold
   * @throws {VaultError} capacity.no-slot - the budget is used up; nothing was taken
   */
  lease(declaredBytes: number | undefined, maxBytes: number): Lease {
    const reserved = Math.min(declaredBytes ?? maxBytes, maxBytes)
    if (this.#usedBytes + reserved > this.#budgetBytes)
      throw new VaultError('capacity.no-slot', { retryAfterSeconds: 1 })
    this.#usedBytes += reserved
    let buffer = this.#take(declaredBytes === undefined ? smallestBuffer : reserved)
    let filled = 0
    let ended = false
    return {
      add: bytes => {
        if (ended) return
        if (filled + bytes.length > buffer.length) buffer = this.#grow(buffer, filled, filled + bytes.length)
        buffer.set(bytes, filled)
        filled += bytes.length
      },
      contents: () => buffer.subarray(0, filled),
      end: reuse => {
        if (ended) return
        ended = true
        this.#usedBytes -= reserved
        // The next borrower must never see this paper.
        buffer.fill(0, 0, filled)
        if (reuse) this.#keep(buffer)
      },
    }
  }

  #take(atLeast: number): Uint8Array {
    const size = sizeClass(atLeast)
    const at = this.#free.findIndex(buffer => buffer.length === size)
    if (at < 0) return new Uint8Array(size)
    const [buffer] = this.#free.splice(at, 1)
    this.#freeBytes -= size
    return buffer ?? new Uint8Array(size)
  }

  #grow(full: Uint8Array, filled: number, atLeast: number): Uint8Array {
    const larger = this.#take(atLeast)
    larger.set(full.subarray(0, filled))
    full.fill(0, 0, filled)
    this.#keep(full)
    return larger
  }

  #keep(buffer: Uint8Array): void {
    if (this.#freeBytes + buffer.length > this.#keepBytes) return
    this.#freeBytes += buffer.length
    this.#free.push(buffer)
  }
}

/** The power of two that holds `bytes`. */
function sizeClass(bytes: number): number {
  let size = smallestBuffer
  while (size < bytes) size *= 2
  return size
}
