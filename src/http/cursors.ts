import { timingSafeEqual } from 'node:crypto'
import type { Caller } from '../domain/caller.ts'
import { VaultError } from '../domain/errors.ts'
import type { Keyring } from '../ports/keyring.ts'

/** Which list a cursor continues: its route, and every filter that shaped it. */
export interface List {
  readonly route: string
  readonly caller: Caller
  readonly filter: Readonly<Record<string, string | number | undefined>>
}

const macBytes = 16

/**
 * Opaque cursors: base64url of (16 bytes of MAC || position in UTF-8). The MAC binds the position to tenant, route and filter, so
 * that a cursor continues the list it was given for and no other.
 */
export class Cursors {
  readonly #keyring: Pick<Keyring, 'mac'>

  constructor(keyring: Pick<Keyring, 'mac'>) {
    this.#keyring = keyring
  }

  async seal(list: List, position: string): Promise<string> {
    const mac = await this.#mac(list, position)
    return Buffer.concat([mac, Buffer.from(position)]).toString('base64url')
  }

  /** @throws {VaultError} cursor.invalid - altered, or of another list, filter or tenant */
  async open(list: List, cursor: string): Promise<string> {
    const bytes = Buffer.from(cursor, 'base64url')
    // Lenient decoding would let many texts stand for one cursor.
    if (bytes.length <= macBytes || bytes.toString('base64url') !== cursor) throw new VaultError('cursor.invalid')
    const position = bytes.subarray(macBytes).toString('utf8')
    const expected = await this.#mac(list, position)
    if (!timingSafeEqual(expected, bytes.subarray(0, macBytes))) throw new VaultError('cursor.invalid')
    return position
  }

  async #mac({ route, caller, filter }: List, position: string): Promise<Buffer> {
    const named = Object.entries(filter)
      .filter(([, value]) => value !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
    const message = JSON.stringify(['vault/cursor/1', caller.tenant ?? '', route, named, position])
    const mac = await this.#keyring.mac('door', Buffer.from(message))
    return Buffer.from(mac.buffer, mac.byteOffset, macBytes)
  }
}
