import { VaultError } from '../domain/errors.ts'

/**
 * How long a store may be silent. It ends by itself after `limitMs` without `renew`, or with the abort of the signal it
 * follows; `signal` then aborts whatever is under way. Dispose of it on every path.
 */
export class Patience implements Disposable {
  readonly #abort = new AbortController()
  readonly #limitMs: number
  readonly #follows: AbortSignal | undefined
  readonly #onAbort = () => this.#abort.abort(this.#follows?.reason)
  #timer: NodeJS.Timeout | undefined

  constructor(limitMs: number, follows?: AbortSignal) {
    this.#limitMs = limitMs
    this.#follows = follows
    if (follows?.aborted) this.#onAbort()
    follows?.addEventListener('abort', this.#onAbort, { once: true })
    this.renew()
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** Something moved. */
  renew(): void {
    clearTimeout(this.#timer)
    if (this.#abort.signal.aborted) return
    this.#timer = setTimeout(() => this.#abort.abort(new VaultError('blobs.unavailable')), this.#limitMs)
  }

  /** Nobody waits for the store now: it cannot be late. */
  pause(): void {
    clearTimeout(this.#timer)
  }

  /** The end of `work`, or the reason why it is not waited for any longer. */
  async over<T>(work: Promise<T>): Promise<T> {
    const { promise: ended, reject } = Promise.withResolvers<never>()
    const onEnd = () => reject(this.signal.reason)
    // Whichever loses is met here: it is nobody's failure any more.
    work.catch(() => undefined)
    ended.catch(() => undefined)
    if (this.signal.aborted) onEnd()
    this.signal.addEventListener('abort', onEnd, { once: true })
    try {
      return await Promise.race([work, ended])
    } finally {
      this.signal.removeEventListener('abort', onEnd)
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#follows?.removeEventListener('abort', this.#onAbort)
  }
}
