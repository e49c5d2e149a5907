import { fdatasyncSync, fstatSync, readSync, writeSync } from 'node:fs'
import type { SqliteFile } from './sqlite-file.ts'
import { monotonicMs } from './sqlite-message.ts'
import { mostPages, unusedIn } from './sqlite-unused-space.ts'

/** Pages that are read together, and for how long the file works before others have their turn. */
const pagesAtOnce = 64
const turnMs = 4
/** So many pages that were written meanwhile are done in one turn with the end; after some rounds, however many there are. */
const lastPages = 1_024
const mostRounds = 5

/**
 * Writes zeros over whatever of a file belongs to no row any more. `secure_delete` overwrites what is deleted where it lies,
 * but rows move before that: SQLite splits and merges pages, and what moves leaves a copy in the unused middle of the old one.
 *
 * It works from below, since nothing of SQLite reaches that space: it writes nowhere but into space that SQLite itself never
 * reads, so readers and crashes at any moment meet the rows as they are. It goes through the file a few pages at a turn,
 * while others read and write; the log is left to grow meanwhile, since it then tells which pages were written and have to
 * be looked at again. In the last turn, in which nobody writes, the log is emptied and these are done: then every page has
 * been seen after whatever was deleted before the beginning, and was not written since.
 *
 * @source SQLite, ext/misc/scrub.c: the same, for a copy
 */
export class Scrub {
  readonly #file: SqliteFile
  #todo: Iterator<Run, undefined>
  #rounds = 0
  #hasWritten = false

  constructor(file: SqliteFile) {
    this.#file = file
    file.holdLog(true)
    this.#todo = runsOf(upTo(this.#pagesInFile()))
  }

  /** Works for a few milliseconds. @returns `locked` while a reader in another process needs the log: to be tried again */
  turn(): 'more' | 'locked' | 'done' {
    if (this.#clean(monotonicMs() + turnMs)) return 'more'
    if (!this.#file.emptyLog()) return 'locked'
    const written = this.#file.takeWritten()
    this.#todo = runsOf(written)
    if (written.length > lastPages && ++this.#rounds < mostRounds) return 'more'
    this.#clean(Number.POSITIVE_INFINITY)
    if (this.#hasWritten) fdatasyncSync(this.#file.descriptor())
    // The pages in memory are as they were; written again, they would bring back what is gone.
    this.#file.forgetPages()
    return 'done'
  }

  /** @returns true when time was up before the end */
  #clean(untilMs: number): boolean {
    for (let next = this.#todo.next(); !next.done; next = this.#todo.next()) {
      this.#cleanRun(next.value)
      if (monotonicMs() >= untilMs) return true
    }
    return false
  }

  #cleanRun({ first, count }: Run): void {
    const descriptor = this.#file.descriptor()
    const size = this.#file.pageBytes
    const pages = Buffer.allocUnsafe(count * size)
    const start = (first - 1) * size
    const got = readSync(descriptor, pages, 0, pages.length, start)
    for (let at = 0; at + size <= got; at += size) {
      const page = pages.subarray(at, at + size)
      for (const [from, to] of unusedIn(page, start + at === 0)) {
        if (isZero(page, from, to)) continue
        writeSync(descriptor, zeros, 0, to - from, start + at + from)
        this.#hasWritten = true
      }
    }
  }

  /** @throws {RangeError} so many that kinds of pages cannot be told apart from below */
  #pagesInFile(): number {
    const count = Math.floor(fstatSync(this.#file.descriptor()).size / this.#file.pageBytes)
    if (count >= mostPages) throw new RangeError('the file is too large')
    return count
  }
}

const zeros = Buffer.alloc(65_536)

function isZero(page: Buffer, from: number, to: number): boolean {
  return zeros.compare(page, from, to, 0, to - from) === 0
}

/** Pages that follow on each other. */
interface Run {
  readonly first: number
  readonly count: number
}

function* upTo(last: number): Generator<number, undefined> {
  for (let page = 1; page <= last; page++) yield page
}

function* runsOf(ascending: Iterable<number>): Generator<Run, undefined> {
  let run: Run | undefined
  for (const page of ascending) {
    if (run && page === run.first + run.count && run.count < pagesAtOnce) {
      run = { ...run, count: run.count + 1 }
      continue
    }
    if (run) yield run
    run = { first: page, count: 1 }
  }
  if (run) yield run
}
