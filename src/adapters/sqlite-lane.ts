import { PathLost, type SqliteFile } from './sqlite-file.ts'
import {
  type Reply,
  type Request,
  resultCodes,
  type SqlRow,
  type SqlValue,
  type Step,
  type Written,
} from './sqlite-message.ts'
import { Scrubbing } from './sqlite-scrubbing.ts'

/** One commit takes at most so many requests, so that the first of them does not wait for a long queue. */
const maxTogether = 256

type WriteRequest = Request & { readonly kind: 'write' }
type ReadRequest = Request & { readonly kind: 'read' }

/**
 * One file and what waits for it, in order of arrival. Writes that wait together become one transaction with a savepoint
 * each; reads among them see what came before, and are answered only once that is committed.
 */
export class Lane {
  readonly #file: SqliteFile
  readonly #answer: (replies: readonly Reply[]) => void
  #waiting: Request[] = []
  readonly #scrubbing: Scrubbing

  constructor(file: SqliteFile, answer: (replies: readonly Reply[]) => void) {
    this.#file = file
    this.#answer = answer
    this.#scrubbing = new Scrubbing(file, replies => this.#answerFromHere(replies))
  }

  push(request: Request): void {
    this.#waiting.push(request)
  }

  /** @returns `locked` when another process keeps it from going on: to be tried again; `more` when it has work of its own left */
  serve(nowMs: number): 'idle' | 'locked' | 'more' {
    this.#refuseLate(nowMs)
    if (!this.#serveWaiting()) return 'locked'
    return this.#scrubbing.turn(nowMs)
  }

  /** @returns false when another process holds a lock */
  #serveWaiting(): boolean {
    while (this.#waiting.length > 0) {
      const taken = this.#waiting.splice(0, maxTogether)
      const firstWrite = taken.findIndex(({ kind }) => kind === 'write')
      const reads = (firstWrite < 0 ? taken : taken.slice(0, firstWrite)).filter(isRead)
      this.#answerFromHere(reads.map(request => this.#read(request)))
      if (firstWrite >= 0 && !this.#commitTogether(taken.slice(firstWrite))) {
        this.#waiting.unshift(...taken.filter(request => !isRead(request) || !reads.includes(request)))
        return false
      }
      const empties = taken.filter(({ kind }) => kind === 'empty-log')
      if (empties.length > 0 && !this.#emptyLog(empties)) {
        this.#waiting.unshift(...empties)
        return false
      }
      // It begins after whatever was asked before it is done.
      this.#scrubbing.push(...taken.filter(({ kind }) => kind === 'scrub'))
    }
    return true
  }

  /** Serves once more, refuses what is still locked, and closes the file. */
  close(nowMs: number): void {
    this.serve(nowMs)
    this.#refuseLate(Number.POSITIVE_INFINITY)
    this.#scrubbing.close()
    this.#file.close()
  }

  #refuseLate(nowMs: number): void {
    const isLate = ({ deadlineMs }: Request) => deadlineMs < nowMs
    if (!this.#waiting.some(isLate)) return
    this.#answer(this.#waiting.filter(isLate).map(({ id }) => ({ id, errcode: resultCodes.busy })))
    this.#waiting = this.#waiting.filter(request => !isLate(request))
  }

  /**
   * Nearly always nobody loses, so it is tried without savepoints first: they copy every page that is written. Where one of many
   * is lost all is undone and done again, each by itself.
   *
   * @returns false when another process holds the lock
   */
  #commitTogether(requests: readonly Request[]): boolean {
    for (const isApart of [false, true]) {
      try {
        this.#file.statement('BEGIN IMMEDIATE').run()
      } catch (error) {
        if (isBusy(error)) return false
        this.#answerFromHere(this.#failWrites(requests, codeOf(error)))
        return true
      }
      const replies = this.#doAll(requests, isApart)
      if (replies) {
        this.#commit(requests, replies)
        return true
      }
      if (this.#file.database.isTransaction) this.#file.statement('ROLLBACK').run()
    }
    return true
  }

  /** @returns undefined when a write was lost, and it was not each by itself: nothing of it may be committed */
  #doAll(requests: readonly Request[], isApart: boolean): readonly Reply[] | undefined {
    const replies: Reply[] = []
    for (const request of requests) {
      if (request.kind === 'read') replies.push(this.#read(request))
      if (request.kind !== 'write') continue
      const reply = isApart ? this.#writeApart(request) : this.#write(request)
      if (!isApart && !('written' in reply && reply.written.done)) return undefined
      replies.push(reply)
      // A full disk, say, may roll everything back at any statement: then nobody's write is done.
      if (!this.#file.database.isTransaction && 'errcode' in reply) return this.#failWrites(requests, reply.errcode)
    }
    return replies
  }

  #commit(requests: readonly Request[], replies: readonly Reply[]): void {
    try {
      if (this.#file.database.isTransaction) this.#file.statement('COMMIT').run()
      this.#answerFromHere(replies)
    } catch (error) {
      if (this.#file.database.isTransaction) this.#file.statement('ROLLBACK').run()
      this.#answerFromHere(this.#failWrites(requests, codeOf(error)))
    }
  }

  /** Outside of any transaction: the reads are made again, since they may have seen what is not there. */
  #failWrites(requests: readonly Request[], errcode: number): readonly Reply[] {
    return requests
      .filter(({ kind }) => kind === 'read' || kind === 'write')
      .map(request => (isRead(request) ? this.#read(request) : { id: request.id, errcode }))
  }

  #read({ id, sql, params }: ReadRequest): Reply {
    try {
      return { id, rows: this.#file.statement(sql).all(...params) as unknown as readonly SqlRow[] }
    } catch (error) {
      return { id, errcode: codeOf(error) }
    }
  }

  #write({ id, steps }: WriteRequest): Reply {
    try {
      return { id, written: this.#run(steps) }
    } catch (error) {
      return { id, errcode: codeOf(error) }
    }
  }

  #writeApart({ id, steps }: WriteRequest): Reply {
    try {
      this.#file.statement('SAVEPOINT request').run()
      const written = this.#run(steps)
      if (!written.done) this.#undo()
      this.#file.statement('RELEASE request').run()
      return { id, written }
    } catch (error) {
      const errcode = codeOf(error)
      if (this.#file.database.isTransaction) {
        this.#undo()
        this.#file.statement('RELEASE request').run()
      }
      return { id, errcode }
    }
  }

  #undo(): void {
    this.#file.statement('ROLLBACK TO request').run()
  }

  #run(steps: readonly Step[]): Written {
    const changes: number[] = []
    let rows: readonly SqlRow[] = []
    for (const [step, { sql, orElse, params, changes: expected }] of steps.entries()) {
      try {
        const first = this.#step(sql, params)
        const { changed, returned } = orElse && first.changed === 0 ? this.#step(orElse, params) : first
        if (expected !== undefined && changed !== expected) return { done: false, step, rule: 'changes' }
        changes.push(changed)
        if (returned !== undefined) rows = returned
      } catch (error) {
        const code = codeOf(error)
        if (code === resultCodes.primaryKey) return { done: false, step, rule: 'primary-key' }
        if (code === resultCodes.unique) return { done: false, step, rule: 'unique' }
        throw error
      }
    }
    return { done: true, changes, rows }
  }

  #step(sql: string, params: readonly SqlValue[]): { changed: number; returned?: readonly SqlRow[] } {
    const statement = this.#file.statement(sql)
    if (statement.columns().length === 0) return { changed: Number(statement.run(...params).changes) }
    const returned = statement.all(...params) as unknown as readonly SqlRow[]
    return { changed: returned.length, returned }
  }

  /** Resets the log to zero bytes: what was overwritten in the main file is then nowhere else. */
  #emptyLog(requests: readonly Request[]): boolean {
    try {
      if (!this.#file.emptyLog()) return false
      this.#answerFromHere(requests.map(({ id }) => ({ id, rows: [] })))
    } catch (error) {
      if (isBusy(error)) return false
      this.#answer(requests.map(({ id }) => ({ id, errcode: codeOf(error) })))
    }
    return true
  }

  /** Answers only while the path names the open file; otherwise all that was asked failed, what was found included. */
  #answerFromHere(replies: readonly Reply[]): void {
    if (replies.length === 0) return
    try {
      this.#file.requireSamePath()
      this.#answer(replies)
    } catch (error) {
      if (!(error instanceof PathLost)) throw error
      this.#answer(replies.map(({ id }) => ({ id, errcode: resultCodes.moved })))
    }
  }
}

function isRead(request: Request): request is ReadRequest {
  return request.kind === 'read'
}

/** The extended result code. What SQLite did not say itself is a value that it cannot take. */
function codeOf(error: unknown): number {
  const isOwn = error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
  return isOwn ? Number(error.errcode) : resultCodes.mismatch
}

function isBusy(error: unknown): boolean {
  return (codeOf(error) & 0xff) === resultCodes.busy
}
