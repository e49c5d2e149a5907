import { timingSafeEqual } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { VaultError } from '../domain/errors.ts'
import type { Grant } from '../domain/grant.ts'
import type { Destroyed, DestroyedMark } from '../ports/destroyed.ts'
import { readPrivateFile, removeLeftovers, writePrivateFile } from './keyfile-place.ts'

export interface DestroyedPlace {
  /** The key folder: nobody else's, and in no backup. */
  readonly folder: string
  /** 32 bytes under a key that lies in the key file. */
  readonly mac: (message: Uint8Array) => Promise<Uint8Array>
}

/** One append. `mac` is over `prev` and `marks`, so lines can be neither changed nor left out nor put in another order. */
interface Line {
  readonly v: 1
  readonly prev: string
  readonly marks: readonly DestroyedMark[]
  readonly mac: string
}

/** How far the list goes: nothing may be cut off from it, and nothing beyond was ever acknowledged. */
interface Head {
  readonly v: 1
  readonly bytes: number
  /** Of the last line. */
  readonly last: string
  /** Where the last line of each tenant lies, and the last that tells of rows before it: `[offset, length]` in bytes. */
  readonly newest: Readonly<Record<string, readonly Span[]>>
}

type Span = readonly [number, number]

const domain = 'vault/destroyed/1'
const empty: Head = { v: 1, bytes: 0, last: '', newest: {} }

/**
 * `destroyed.list`, one JSON line for each append, and `destroyed.head`, which says how long it is. An append is acknowledged
 * once both are on disk: what lies beyond the head was left by a crash, and is cut off at the next start.
 */
export class KeyfileDestroyed implements Destroyed, AsyncDisposable {
  readonly #place: DestroyedPlace
  readonly #file: FileHandle
  #head: Head
  #last: Promise<void> = Promise.resolve()

  /** Use `openKeyfileDestroyed`. */
  constructor(place: DestroyedPlace, file: FileHandle, head: Head) {
    this.#place = place
    this.#file = file
    this.#head = head
  }

  async append(_by: Grant, marks: readonly DestroyedMark[]): Promise<void> {
    if (marks.length === 0) return
    const mine = this.#last.then(() => translated(() => this.#write(marks)))
    // One that failed does not keep the next from trying.
    this.#last = mine.catch(() => undefined)
    await mine
  }

  async *list(): AsyncIterable<DestroyedMark> {
    const { bytes, last } = this.#head
    if (bytes === 0) return
    const { createInterface } = await import('node:readline')
    await using file = await translated(() => open(listIn(this.#place), constants.O_RDONLY | constants.O_NOFOLLOW))
    const input = file.createReadStream({ end: bytes - 1, autoClose: false })
    let prev = ''
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      const line = await this.#verified(text)
      if (line.prev !== prev) throw damaged('a line is missing')
      prev = line.mac
      yield* line.marks
    }
    if (prev !== last) throw damaged('its end is missing')
  }

  async newest(): Promise<readonly DestroyedMark[]> {
    const found: DestroyedMark[] = []
    for (const [offset, length] of Object.values(this.#head.newest).flat()) {
      const bytes = Buffer.alloc(length)
      await translated(() => this.#file.read(bytes, 0, length, offset))
      found.push(...(await this.#verified(bytes.toString('utf8').trimEnd())).marks)
    }
    return found
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last
    await this.#file.close()
  }

  /** Written where the head ends, so that what an append that failed has left is written over. */
  async #write(marks: readonly DestroyedMark[]): Promise<void> {
    const { bytes: offset, last: prev, newest } = this.#head
    const mac = await macOf(this.#place, prev, marks)
    const bytes = Buffer.from(`${JSON.stringify({ v: 1, prev, marks, mac } satisfies Line)}\n`)
    await this.#file.truncate(offset)
    await this.#file.write(bytes, 0, bytes.length, offset)
    await this.#file.sync()
    const [{ tenant }] = marks as readonly [DestroyedMark]
    const tellsOfRows = marks.some(({ rowless }) => rowless === undefined)
    const spans = [[offset, bytes.length] as const, ...(tellsOfRows ? [] : (newest[tenant] ?? []).slice(-1))]
    const head: Head = { v: 1, bytes: offset + bytes.length, last: mac, newest: { ...newest, [tenant]: spans } }
    await writeHead(this.#place, head)
    this.#head = head
  }

  async #verified(text: string): Promise<Line> {
    const line = parsed<Line>(text)
    if (line?.v !== 1 || !Array.isArray(line.marks)) throw damaged('a line cannot be read')
    const mac = await macOf(this.#place, line.prev, line.marks)
    if (!isSame(mac, line.mac)) throw damaged('a line was changed')
    return line
  }
}

/**
 * Opens the list in the key folder, or begins one.
 * @throws {VaultError} keys.unavailable - it is shorter than its head says, or a part of it is missing or was changed
 */
export async function openKeyfileDestroyed(place: DestroyedPlace): Promise<KeyfileDestroyed> {
  return translated(async () => {
    await removeLeftovers(headIn(place))
    const head = await readHead(place)
    const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
    const making = head ? 0 : O_CREAT | O_EXCL
    const file = await open(listIn(place), O_RDWR | O_NOFOLLOW | making, 0o600).catch(error => {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      if (code === 'ENOENT') throw damaged('it is missing')
      // Begun by a start that did not get to its head: empty, or its head was taken away.
      if (code === 'EEXIST') return open(listIn(place), O_RDWR | O_NOFOLLOW)
      throw error
    })
    try {
      const { size } = await file.stat()
      if (!head && size > 0) throw damaged('destroyed.head is missing')
      if (size < (head ?? empty).bytes) throw damaged('its end is missing')
      if (!head) {
        await file.sync()
        await writeHead(place, empty)
      }
      return new KeyfileDestroyed(place, file, head ?? empty)
    } catch (error) {
      await file.close()
      throw error
    }
  })
}

async function readHead(place: DestroyedPlace): Promise<Head | undefined> {
  const found = await readPrivateFile(headIn(place))
  if (!found) return undefined
  const stored = parsed<{ readonly head: Head; readonly mac: string }>(found.bytes.toString('utf8'))
  if (stored?.head?.v !== 1) throw damaged('destroyed.head cannot be read')
  if (!isSame(await headMac(place, stored.head), stored.mac)) throw damaged('destroyed.head was changed')
  return stored.head
}

async function writeHead(place: DestroyedPlace, head: Head): Promise<void> {
  const text = JSON.stringify({ head, mac: await headMac(place, head) })
  await writePrivateFile(headIn(place), Buffer.from(`${text}\n`))
}

const listIn = ({ folder }: DestroyedPlace): string => join(folder, 'destroyed.list')
const headIn = ({ folder }: DestroyedPlace): string => join(folder, 'destroyed.head')

async function macOf({ mac }: DestroyedPlace, prev: string, marks: readonly DestroyedMark[]): Promise<string> {
  const bytes = await mac(Buffer.from(`${domain}/line\0${prev}\0${JSON.stringify(marks)}`))
  return Buffer.from(bytes).toString('base64url')
}

async function headMac({ mac }: DestroyedPlace, head: Head): Promise<string> {
  return Buffer.from(await mac(Buffer.from(`${domain}/head\0${JSON.stringify(head)}`))).toString('base64url')
}

function parsed<Value>(text: string): Value | undefined {
  try {
    return JSON.parse(text) as Value
  } catch {
    return undefined
  }
}

function isSame(expected: string, found: unknown): boolean {
  if (typeof found !== 'string' || found.length !== expected.length) return false
  return timingSafeEqual(Buffer.from(expected), Buffer.from(found))
}

function damaged(what: string): VaultError {
  return new VaultError('keys.unavailable', { detail: `the list of the destroyed in the key folder: ${what}` })
}

async function translated<Answer>(work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof VaultError) throw error
    throw new VaultError('keys.unavailable', { detail: 'the list of the destroyed in the key folder' }, error)
  }
}
