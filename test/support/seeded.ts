/** Chance that can be had again: the same numbers for the same seed. `VAULT_TEST_SEED` replays a run. */
export class Seeded {
  readonly seed: number
  #state: number

  constructor(seed = Number(process.env.VAULT_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))) {
    this.seed = seed
    this.#state = seed
  }

  /** A whole number from 0 up to, not including, `end`. */
  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % end
  }

  /** Lower-case hex digits. */
  hex(digits: number): string {
    return Array.from({ length: digits }, () => this.below(16).toString(16)).join('')
  }

  /** UUIDv7 in form. */
  uuid(): string {
    return `${this.hex(8)}-${this.hex(4)}-7${this.hex(3)}-8${this.hex(3)}-${this.hex(12)}`
  }

  /** The same items in another order. */
  shuffled<Item>(items: readonly Item[]): Item[] {
    const mixed = [...items]
    for (let at = mixed.length - 1; at > 0; at--) {
      const other = this.below(at + 1)
      const item = mixed[at] as Item
      mixed[at] = mixed[other] as Item
      mixed[other] = item
    }
    return mixed
  }
}
