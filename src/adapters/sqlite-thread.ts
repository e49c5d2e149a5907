import { Worker } from 'node:worker_threads'
import { type ErrorCode, VaultError } from '../domain/errors.ts'
import {
  type FromWorker,
  largeBuffers,
  monotonicMs,
  type Question,
  type Reply,
  type Request,
  resultCodes,
  type SqlRow,
  type SqlValue,
  type Step,
  type ToWorker,
  type Written,
} from './sqlite-message.ts'
import type { SqliteFileName } from './sqlite-schema.ts'

export type { SqlRow, SqlValue, Step, Written } from './sqlite-message.ts'

/** What SQLite said, by its extended result code; its message is left behind. */
export class SqliteError extends Error {
  readonly code: number

  constructor(code: number) {
    super(`sqlite result code ${code}`)
    this.name = 'SqliteError'
    this.code = code
  }
}

const unavailable: Readonly<Record<SqliteFileName, ErrorCode>> = {
  trail: 'trail.unavailable',
  ledger: 'ledger.unavailable',
  'wrapped-keys': 'keys.unavailable',
  budgets: 'ledger.unavailable',
}

const timeoutMs = 2_000
/** The worker gives up waiting for a lock a little before the caller does, so that the answer is certain. */
const lockPatienceMs = 1_700
/** What may lie unanswered before a worker that hangs: calls beyond it fail at once instead of filling the memory. */
const maxUnansweredBytes = 64 * 1024 * 1024
const questionBytes = 1_024

interface Waiting {
  readonly file: SqliteFileName
  readonly bytes: number
  readonly timer: NodeJS.Timeout | undefined
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: Error) => void
}

/**
 * The worker thread that runs every SQLite file of a data folder, seen from the main thread. node:sqlite blocks its thread,
 * so a disk that hangs blocks the worker alone and each call is still answered within 2 s.
 *
 * Questions to one file are taken in order of arrival; writes that wait together are committed together, each all or none
 * by itself. A write is durable when it resolves and the path then still named the open file.
 *
 * @throws {VaultError} <port>.unavailable - locked, failing, gone, or not answered in 2 s: a write may or may not be done
 * @throws {VaultError} storage.full - no room; the write is not done
 */
export class SqliteThread implements AsyncDisposable {
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  readonly #exited: Promise<void>
  #outbox: Request[] = []
  #lastId = 0
  #unansweredBytes = 0
  readonly #opened = Promise.withResolvers<void>()
  #isGone = false

  /** Use `startSqlite` or `openSqlite`. */
  constructor(worker: Worker) {
    this.#worker = worker
    worker.on('message', (message: FromWorker) => {
      if (message === 'opened') this.#opened.resolve()
      else for (const reply of message) this.#settle(reply)
    })
    worker.on('error', (error: unknown) => this.#fail(error))
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#exited = promise
    worker.once('exit', () => {
      this.#fail(new Error('the worker thread ended'))
      resolve()
    })
    // Met by whoever opens; a thread that ends before that has nobody to tell.
    void Promise.allSettled([this.#opened.promise])
  }

  /**
   * Makes the data folder if need be (0700, files 0600), and opens or creates every file in it; once, and before the first
   * question.
   * @throws {Error} a file cannot be opened, is of a newer version, or refuses a setting that durability rests on
   */
  async open(dataDir: string): Promise<void> {
    this.#worker.postMessage({ open: dataDir } satisfies ToWorker)
    await this.#opened.promise
  }

  async read(file: SqliteFileName, sql: string, params: readonly SqlValue[]): Promise<readonly SqlRow[]> {
    const reply = await this.#ask(file, { kind: 'read', sql, params })
    return 'rows' in reply ? reply.rows : []
  }

  async write(file: SqliteFileName, steps: readonly Step[]): Promise<Written> {
    const reply = await this.#ask(file, { kind: 'write', steps })
    if (!('written' in reply)) throw new VaultError(unavailable[file])
    return reply.written
  }

  /** Resolves when every page of the write-ahead log is in the main file and the log is cut to nothing. */
  async emptyLog(file: SqliteFileName): Promise<void> {
    await this.#ask(file, { kind: 'empty-log' })
  }

  /**
   * Resolves when nothing that was deleted before is in the file or its log any more, unused space of pages included: a second
   * for each GB of the file, while others read and write. A log that only grew meanwhile is empty then.
   */
  async scrub(file: SqliteFileName): Promise<void> {
    await this.#ask(file, { kind: 'scrub' })
  }

  /** Answers what was asked, closes the files and ends the thread, within 2 s; later calls fail as unavailable. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isGone) {
      this.#post()
      this.#isGone = true
      this.#worker.postMessage('close' satisfies ToWorker)
    }
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(() => {
      // Not awaited: a thread that hangs in a system call ends only with it.
      void this.#worker.terminate()
      late.resolve()
    }, timeoutMs)
    await Promise.race([this.#exited, late.promise])
    clearTimeout(timer)
  }

  #ask(file: SqliteFileName, question: Question): Promise<Reply> {
    const bytes = bytesOf(question)
    if (this.#isGone || this.#unansweredBytes + bytes > maxUnansweredBytes) {
      return Promise.reject(new VaultError(unavailable[file]))
    }
    this.#unansweredBytes += bytes
    const id = ++this.#lastId
    const { promise, resolve, reject } = Promise.withResolvers<Reply>()
    const late = () => reject(new VaultError(unavailable[file]))
    const timer = question.kind === 'scrub' ? undefined : setTimeout(late, timeoutMs)
    this.#waiting.set(id, { file, bytes, timer, resolve, reject })
    if (this.#outbox.length === 0) queueMicrotask(() => this.#post())
    this.#outbox.push({ ...withOwnBlobs(question), id, file, deadlineMs: monotonicMs() + lockPatienceMs })
    return promise
  }

  /** Whatever was asked in one turn goes over together. */
  #post(): void {
    if (this.#outbox.length === 0 || this.#isGone) return
    const requests = this.#outbox
    this.#outbox = []
    this.#worker.postMessage(requests satisfies ToWorker, largeBuffers(requests.flatMap(paramsOf)))
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id)
    if (waiting === undefined) return
    this.#waiting.delete(reply.id)
    this.#unansweredBytes -= waiting.bytes
    clearTimeout(waiting.timer)
    if ('errcode' in reply) waiting.reject(errorFor(waiting.file, reply.errcode))
    else waiting.resolve(reply)
  }

  #fail(cause: unknown): void {
    this.#isGone = true
    this.#opened.reject(cause)
    for (const { file, timer, reject } of this.#waiting.values()) {
      clearTimeout(timer)
      reject(new VaultError(unavailable[file], {}, cause))
    }
    this.#waiting.clear()
  }
}

/** Starts the thread, which opens nothing yet: it loads its code while its caller goes on. */
export function startSqlite(): SqliteThread {
  return new SqliteThread(new Worker(new URL('./sqlite-worker.ts', import.meta.url), { name: 'sqlite' }))
}

/** Starts the thread and opens the data folder. @throws {Error} as `SqliteThread.open` */
export async function openSqlite(dataDir: string): Promise<SqliteThread> {
  const thread = startSqlite()
  await thread.open(dataDir)
  return thread
}

function errorFor(file: SqliteFileName, errcode: number): Error {
  const cause = new SqliteError(errcode)
  switch (errcode & 0xff) {
    case resultCodes.full:
      return new VaultError('storage.full', {}, cause)
    // A statement or a value that the schema refuses is a defect of the caller, not of the store.
    case resultCodes.error:
    case resultCodes.constraint:
    case resultCodes.mismatch:
    case resultCodes.range:
      return new RangeError('refused by the schema', { cause })
    case resultCodes.busy:
      return new VaultError(unavailable[file], { retryAfterSeconds: 1 }, cause)
    default:
      return new VaultError(unavailable[file], {}, cause)
  }
}

function paramsOf(question: Question): readonly SqlValue[] {
  if (question.kind === 'write') return question.steps.flatMap(step => step.params)
  return question.kind === 'read' ? question.params : []
}

/** Roughly: blobs in bytes, texts in characters. */
function bytesOf(question: Question): number {
  const sizes = paramsOf(question).map(value => (value === null || typeof value === 'number' ? 0 : value.length))
  return sizes.reduce((sum, size) => sum + size, questionBytes)
}

/** Blobs in buffers of their own: cloning a view clones all of the buffer below it, moving it would empty the caller's. */
function withOwnBlobs(question: Question): Question {
  if (question.kind === 'write') {
    return { ...question, steps: question.steps.map(step => ({ ...step, params: step.params.map(ownBlob) })) }
  }
  return question.kind === 'read' ? { ...question, params: question.params.map(ownBlob) } : question
}

function ownBlob(value: SqlValue): SqlValue {
  return value instanceof Uint8Array ? new Uint8Array(value) : value
}
