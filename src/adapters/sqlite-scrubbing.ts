import { PathLost, type SqliteFile } from './sqlite-file.ts'
import { type Reply, type Request, resultCodes } from './sqlite-message.ts'
import { Scrub } from './sqlite-scrub.ts'

/** A reader of another process may be in the way of the end for so long. */
const lockPatienceMs = 1_700

interface Running {
  work?: Scrub
  readonly asked: readonly Request[]
  /** When it first met a reader in its way. */
  lockedMs?: number
}

/** The scrubs of one file: one at a time, and whoever asks while one runs is answered by the next, which sees what they deleted. */
export class Scrubbing {
  readonly #file: SqliteFile
  readonly #answer: (replies: readonly Reply[]) => void
  #asked: Request[] = []
  #running: Running | undefined

  constructor(file: SqliteFile, answer: (replies: readonly Reply[]) => void) {
    this.#file = file
    this.#answer = answer
  }

  push(...requests: readonly Request[]): void {
    this.#asked.push(...requests)
  }

  /** Works for a few milliseconds. @returns `locked` when a reader of another process is in the way: to be tried again */
  turn(nowMs: number): 'idle' | 'locked' | 'more' {
    const running = this.#running ?? this.#begin()
    if (!running) return 'idle'
    try {
      running.work ??= new Scrub(this.#file)
      const came = running.work.turn()
      if (came === 'done') this.#end(id => ({ id, rows: [] }))
      if (came !== 'locked') return came === 'done' && this.#asked.length === 0 ? 'idle' : 'more'
      running.lockedMs ??= nowMs
      if (nowMs - running.lockedMs < lockPatienceMs) return 'locked'
      this.#end(id => ({ id, errcode: resultCodes.busy }))
    } catch (error) {
      const errcode = error instanceof PathLost ? resultCodes.moved : resultCodes.ioError
      this.#end(id => ({ id, errcode }))
    }
    return this.#asked.length === 0 ? 'idle' : 'more'
  }

  /** What runs or waits is refused. */
  close(): void {
    const waiting = [...(this.#running?.asked ?? []), ...this.#asked]
    this.#running = undefined
    this.#asked = []
    if (waiting.length > 0) this.#answer(waiting.map(({ id }) => ({ id, errcode: resultCodes.busy })))
  }

  #begin(): Running | undefined {
    if (this.#asked.length === 0) return undefined
    this.#running = { asked: this.#asked }
    this.#asked = []
    return this.#running
  }

  #end(reply: (id: number) => Reply): void {
    const asked = this.#running?.asked ?? []
    this.#running = undefined
    this.#file.holdLog(false)
    this.#answer(asked.map(({ id }) => reply(id)))
  }
}
