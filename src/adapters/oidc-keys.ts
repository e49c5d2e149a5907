import { type CryptoKey, createLocalJWKSet, type JSONWebKeySet } from 'jose'
import { VaultError } from '../domain/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { PublicKeySet } from './oidc-key-set.ts'

/** Which key a token says that it was signed with. */
export interface WantedKey {
  readonly algorithm: string
  readonly keyId: string | undefined
}

/** The keys of one issuer, given or fetched. */
export interface OidcKeys {
  /**
   * @returns undefined when the issuer has no such key, or more than one
   * @throws {VaultError} issuer.unavailable - that cannot be known now
   */
  find(wanted: WantedKey): Promise<CryptoKey | undefined>
}

type Find = ReturnType<typeof createLocalJWKSet>

/** Keys that the operator wrote down. */
export function givenKeys(set: PublicKeySet): OidcKeys {
  const find = createLocalJWKSet(set as JSONWebKeySet)
  return { find: wanted => keyIn(find, wanted) }
}

/** How long a fetched set counts, and how soon it may be asked for again: after an answer, and after none. */
export const keySetTimes = { keptMs: 300_000, cooldownMs: 30_000, retryMs: 5_000 } as const

/**
 * Keys that the issuer publishes, kept for five minutes. They are asked for again behind everybody's back from the middle of
 * that time on, and at once for a key that is not among them, but never more often than the times above: strangers' tokens
 * must not make the vault knock at the issuer's door.
 */
export class FetchedKeys {
  readonly #fetch: () => Promise<PublicKeySet>
  readonly #clock: Pick<Clock, 'nowMs'>
  readonly #log: Pick<Log, 'warn'>
  #known: { readonly find: Find; readonly sinceMs: number } | undefined
  #tried: { readonly atMs: number; readonly failed: boolean } | undefined
  #underWay: Promise<void> | undefined

  constructor(fetch: () => Promise<PublicKeySet>, clock: Pick<Clock, 'nowMs'>, log: Pick<Log, 'warn'>) {
    this.#fetch = fetch
    this.#clock = clock
    this.#log = log
  }

  async find(wanted: WantedKey): Promise<CryptoKey | undefined> {
    const known = this.#fresh()
    const key = known && (await keyIn(known.find, wanted))
    if (key) {
      if (this.#ageMs(known.sinceMs) > keySetTimes.keptMs / 2) this.#renewBehind()
      return key
    }
    if (!this.#underWay && !this.#mayTry()) {
      if (known && !this.#tried?.failed) return undefined
      throw new VaultError('issuer.unavailable', { retryAfterSeconds: keySetTimes.retryMs / 1_000 })
    }
    await this.#renew()
    return this.#known && keyIn(this.#known.find, wanted)
  }

  /** Whoever asks while the issuer is asked waits for the same answer. */
  #renew(): Promise<void> {
    this.#underWay ??= this.#ask().finally(() => {
      this.#underWay = undefined
    })
    return this.#underWay
  }

  /** Nobody waits for it, so nobody else would say that it failed. */
  #renewBehind(): void {
    if (this.#underWay || !this.#mayTry()) return
    void this.#renew().catch((error: unknown) => this.#log.warn('keys of an issuer not renewed', causeOf(error)))
  }

  async #ask(): Promise<void> {
    try {
      const find = createLocalJWKSet((await this.#fetch()) as JSONWebKeySet)
      this.#known = { find, sinceMs: this.#clock.nowMs() }
      this.#tried = { atMs: this.#clock.nowMs(), failed: false }
    } catch (error) {
      this.#tried = { atMs: this.#clock.nowMs(), failed: true }
      throw error
    }
  }

  #fresh(): { readonly find: Find; readonly sinceMs: number } | undefined {
    return this.#known && this.#ageMs(this.#known.sinceMs) < keySetTimes.keptMs ? this.#known : undefined
  }

  #mayTry(): boolean {
    if (!this.#tried) return true
    return this.#ageMs(this.#tried.atMs) >= (this.#tried.failed ? keySetTimes.retryMs : keySetTimes.cooldownMs)
  }

  /** A clock that was set back must not keep anything for longer. */
  #ageMs(sinceMs: number): number {
    const age = this.#clock.nowMs() - sinceMs
    return age < 0 ? Number.POSITIVE_INFINITY : age
  }
}

/** The one key of that id and kind. A key that cannot be read is none. */
async function keyIn(find: Find, { algorithm, keyId }: WantedKey): Promise<CryptoKey | undefined> {
  try {
    return await find({ alg: algorithm, ...(keyId === undefined ? {} : { kid: keyId }) })
  } catch {
    return undefined
  }
}

function causeOf(error: unknown): { readonly code: string; readonly cause?: string } {
  if (!(error instanceof VaultError)) return { code: 'unexpected' }
  const { code, cause } = error
  if (!(cause instanceof Error)) return { code }
  return { code, cause: 'code' in cause ? `${cause.name}:${String(cause.code)}` : cause.name }
}
