import { type ErrorCode, VaultError } from '../domain/errors.ts'
import type { Vault } from './vault.ts'

/** What one request may wait in all for what the vault stands on; an answer is promised within 3 s. */
const mostMs = 2_400
/** Of each stretch of waiting this much is free: many quick calls, as a long search makes them, are no slow backing. */
const freeMs = 25

type Unavailable = Extract<ErrorCode, `${string}.unavailable`>

/** Which calls count, and what is said when one of them is waited for too long. */
const counted = {
  ledger: 'ledger.unavailable',
  identity: 'ledger.unavailable',
  budgets: 'ledger.unavailable',
  batches: 'trail.unavailable',
  trail: 'trail.unavailable',
  wrappedKeys: 'keys.unavailable',
  keyring: 'keys.unavailable',
  blobs: 'blobs.unavailable',
} as const satisfies Partial<Record<keyof Vault, Unavailable>>
/** Moves bytes, for as long as they move: it has a rule of its own. */
const uncounted = 'put' satisfies keyof Vault['blobs']

/**
 * How long one request has waited for stores and key service, all its calls together: each of them has a limit of its own,
 * but a request makes a dozen, and whoever asked is owed an answer soon.
 */
export class BackingWait {
  /** The same vault, whose calls are counted here. */
  readonly vault: Vault
  readonly #tooLong = Promise.withResolvers<never>()
  readonly #pending = new Map<symbol, Unavailable>()
  #spentMs = 0
  #sinceMs = 0
  #timer: NodeJS.Timeout | undefined

  constructor(vault: Vault) {
    this.#tooLong.promise.catch(() => undefined)
    const over = Object.entries(counted).map(([name, code]) => [name, this.#counting(vault[name as 'ledger'], code)])
    this.vault = { ...vault, ...(Object.fromEntries(over) as Partial<Vault>) }
  }

  /**
   * The end of `work`, or its being given up. Work that was given up goes on to an end of its own.
   *
   * @param onGivenUp told of it before whoever asked
   * @throws {VaultError} of the port that is waited for - 2.4 s were spent waiting
   */
  async over<Done>(work: Promise<Done>, onGivenUp: (error: VaultError) => void): Promise<Done> {
    let isOver = false
    const givenUp = this.#tooLong.promise.catch((error: VaultError) => {
      if (!isOver) onGivenUp(error)
      throw error
    })
    givenUp.catch(() => undefined)
    try {
      return await Promise.race([work, givenUp])
    } finally {
      isOver = true
    }
  }

  #counting<Port extends object>(port: Port, code: Unavailable): Port {
    return new Proxy(port, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        const isCounted = typeof name === 'string' && !(code === counted.blobs && name === uncounted)
        if (!isCounted) return value.bind(target) as unknown
        return (...args: readonly unknown[]) => this.#count(code, () => Reflect.apply(value, target, args) as unknown)
      },
    })
  }

  #count(code: Unavailable, call: () => unknown): unknown {
    const mark = Symbol(code)
    this.#begin(mark, code)
    try {
      const result = call()
      if (result instanceof Promise) return result.finally(() => this.#end(mark))
      this.#end(mark)
      return result
    } catch (error) {
      this.#end(mark)
      throw error
    }
  }

  #begin(mark: symbol, code: Unavailable): void {
    if (this.#pending.size === 0) {
      this.#sinceMs = performance.now()
      this.#timer = setTimeout(() => this.#giveUp(), Math.max(0, mostMs - this.#spentMs) + freeMs)
    }
    this.#pending.set(mark, code)
  }

  #end(mark: symbol): void {
    this.#pending.delete(mark)
    if (this.#pending.size > 0) return
    clearTimeout(this.#timer)
    this.#spentMs += Math.max(0, performance.now() - this.#sinceMs - freeMs)
  }

  /** A process that was busy itself looks first whether the answer has come meanwhile. */
  #giveUp(): void {
    const sinceMs = this.#sinceMs
    setImmediate(() => {
      const [code] = this.#pending.values()
      if (code && sinceMs === this.#sinceMs) this.#tooLong.reject(new VaultError(code))
    })
  }
}
