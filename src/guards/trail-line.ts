import { randomBytes } from 'node:crypto'
import { canonicalEntry, completeLogEntry, type Detail, type LogAct } from '../domain/entry.ts'
import { VaultError } from '../domain/errors.ts'
import type { TenantId } from '../domain/ids.ts'
import { logAt, logsOf, parseLogName, utcYear } from '../domain/log-name.ts'
import type { TrailBatch } from '../ports/trail-batches.ts'
import { leafHash } from './merkle.ts'
import { emptyHead, follow, type Head, nextBatch, type SealedEntry, statedHead } from './trail-head.ts'
import { backoffMs, batchesAtOnce, type Placing, place, within } from './trail-place.ts'
import { newUuid7 } from './uuid7.ts'
import { WriterOrder } from './writer-order.ts'

/** One call of `append`, until it is told how it ended. */
export interface Call {
  readonly entries: readonly SealedEntry[]
  readonly bytes: number
  /** Nobody waits for it any more: it got its answer, or was told that there is none. */
  isSettled(): boolean
  placed(log: string, first: number): void
  failed(error: VaultError): void
}

/** What a line of batches works with. */
export interface LineSetting extends Placing {
  readonly instance: string
  /** Told once, with what the store holds and should not; every append of this process ends there. */
  readonly diverged: (error: VaultError) => void
}

/** A batch is closed at whichever of the two comes first; bytes count entries without their lengths. */
export const maxBatchEntries = 512
export const maxBatchBytes = 1024 * 1024

/**
 * Appends for one tenant: a queue of calls and at most one batch in flight, so that whatever arrives during one commit shares
 * the next. There is no leader and no lock: writers meet in the store, where one of them gets the next number and the others
 * follow it.
 */
export class TrailLine {
  readonly #setting: LineSetting
  readonly #tenant: TenantId | undefined
  #queue: Call[] = []
  #head: Head | undefined
  readonly #order: WriterOrder
  #running: Promise<void> | undefined

  constructor(setting: LineSetting, tenant: TenantId | undefined) {
    this.#setting = setting
    this.#tenant = tenant
    this.#order = new WriterOrder(setting.clock)
  }

  add(call: Call): void {
    this.#queue.push(call)
    this.#running ??= this.#run()
  }

  /** Resolves when nothing is queued or in flight. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running
  }

  async #run(): Promise<void> {
    for (let failures = 0; ; ) {
      // Whatever is asked for in the same turn of the event loop, or by those just answered, shares a batch.
      await new Promise(setImmediate)
      this.#queue = this.#queue.filter(call => !call.isSettled())
      if (this.#queue.length === 0) break
      try {
        await this.#awaitTurn()
        await this.#round()
        failures = 0
      } catch (error) {
        await this.#afterFailure(error, failures++)
      }
    }
    this.#running = undefined
  }

  /** One batch placed, or one step nearer to it. */
  async #round(): Promise<void> {
    const nowMs = this.#setting.clock.nowMs()
    const head = await this.#headAt(nowMs)
    if (!head) return
    const calls = this.#nextCalls()
    if (calls.length === 0) return
    const entries = calls.flatMap(call => call.entries)
    const isPlaced = await this.#place(head, entries, nowMs, () => calls.some(call => !call.isSettled()))
    if (!isPlaced) return
    let first = head.size
    for (const call of calls) {
      call.placed(head.log, first)
      first += call.entries.length
    }
  }

  /** Others write on the same log: each gets its turn, and what they wrote is followed meanwhile. */
  async #awaitTurn(): Promise<void> {
    for (let looks = 0; this.#head; looks++) {
      const { ahead } = this.#order
      const pauseMs = this.#order.pauseMs(looks)
      if (pauseMs === 0) break
      await this.#setting.clock.sleep(pauseMs)
      this.#head = await this.#catchUp(this.#head)
      if (this.#order.ahead < ahead) looks = -1
    }
    this.#order.passed()
  }

  /** Places the batch and moves the head past it; false when another's batch was there first, which is then followed. */
  async #place(head: Head, entries: readonly SealedEntry[], nowMs: number, isWanted: () => boolean): Promise<boolean> {
    const { batch, after } = nextBatch(head, entries, { inst: this.#setting.instance, nonce: randomBytes(16), nowMs })
    const begunAtMs = this.#setting.clock.nowMs()
    const end = await place(this.#setting, batch, isWanted)
    if (end === 'unwanted') return false
    if (end === 'own') {
      this.#head = after
      this.#order.wrote(batch.seq, this.#setting.clock.nowMs() - begunAtMs)
      return true
    }
    this.#head = await this.#catchUp(head, end)
    return false
  }

  /** The calls at the front of the queue that fit one batch; they stay there until their batch is durable. */
  #nextCalls(): readonly Call[] {
    const calls: Call[] = []
    let [count, bytes] = [0, 0]
    for (const call of this.#queue) {
      if (call.isSettled()) continue
      count += call.entries.length
      bytes += call.bytes
      if (calls.length > 0 && (count > maxBatchEntries || bytes > maxBatchBytes)) break
      calls.push(call)
    }
    return calls
  }

  /**
   * The head to append to at `nowMs`. When the year has changed it closes the old log and opens the next, unless another writer
   * did; undefined means that the ground moved and the round has to begin again.
   */
  async #headAt(nowMs: number): Promise<Head | undefined> {
    this.#head ??= await this.#findHead(nowMs)
    const head = this.#head
    if (head.next !== undefined) {
      const opened = await this.#load(head.next)
      if (opened) this.#head = opened
      else await this.#open(head, head.next, nowMs)
      return undefined
    }
    const log = logAt(this.#tenant, Math.max(nowMs, head.timeMs))
    if ((parseLogName(head.log)?.year ?? 0) >= utcYear(Math.max(nowMs, head.timeMs))) return head
    if (head.seq >= 0) await this.#close(head, log, nowMs)
    else this.#head = undefined
    return undefined
  }

  async #close(head: Head, next: string, nowMs: number): Promise<void> {
    const root = Buffer.from(head.root).toString('hex')
    const entry = this.#logEntry('log.closed', { next, root, size: head.size }, nowMs)
    await this.#place(head, [entry], nowMs, () => this.#isWanted())
  }

  async #open(closed: Head, log: string, nowMs: number): Promise<void> {
    const root = Buffer.from(closed.root).toString('hex')
    const entry = this.#logEntry('log.opened', { closed: closed.log, root, size: closed.size }, nowMs)
    await this.#place(emptyHead(log, closed.timeMs), [entry], nowMs, () => this.#isWanted())
  }

  #isWanted(): boolean {
    return this.#queue.some(call => !call.isSettled())
  }

  #logEntry(act: LogAct, detail: Detail, nowMs: number): SealedEntry {
    const id = newUuid7(nowMs)
    const bytes = canonicalEntry(completeLogEntry(act, this.#tenant, detail, id, nowMs, this.#setting.instance))
    return { id, bytes, leaf: leafHash(bytes) }
  }

  /** At first use: the latest log there is, else a new one. */
  async #findHead(nowMs: number): Promise<Head> {
    const latest = logsOf(await this.#ask(this.#setting.batches.logs()), this.#tenant).at(-1)
    return (latest && (await this.#load(latest))) || emptyHead(logAt(this.#tenant, nowMs), 0)
  }

  /** The head of a stored log, its last batch computed again from the one before; undefined for a log without batches. */
  async #load(log: string): Promise<Head | undefined> {
    const { batches } = this.#setting
    const tail = await this.#ask(batches.tail(log))
    if (!tail) return undefined
    if (tail.seq === 0) return this.#follow(emptyHead(log, 0), tail)
    const before = await this.#ask(batches.find(log, tail.seq - 1))
    const head = before && statedHead(before)
    if (!head) throw new VaultError('trail.diverged', { detail: before ? 'batch.root' : 'batch.sequence' })
    return this.#follow(head, tail)
  }

  /** Follows whatever other writers have appended since `head`. @param known the first of it, where it was read already */
  async #catchUp(head: Head, known?: readonly TrailBatch[]): Promise<Head> {
    let followed = head
    for (let newer = known; ; newer = undefined) {
      newer ??= await this.#ask(this.#setting.batches.range(head.log, followed.seq + 1, batchesAtOnce))
      for (const batch of newer) {
        if (batch.seq !== followed.seq + 1) {
          this.#setting.log.error('trail batch beyond a gap', { log: batch.log, index: batch.first })
          return followed
        }
        followed = this.#follow(followed, batch)
        if (batch.inst !== this.#setting.instance) this.#order.saw(batch)
      }
      if (newer.length < batchesAtOnce) return followed
    }
  }

  #follow(head: Head, batch: TrailBatch): Head {
    const { after, faults } = follow(head, batch)
    const [fault] = faults
    if (fault) throw new VaultError('trail.diverged', { detail: fault })
    return after
  }

  #ask<Answer>(asked: Promise<Answer>): Promise<Answer> {
    return within(this.#setting.clock, asked)
  }

  /** Callers are told by their own deadline; only what cannot get better is told at once. */
  async #afterFailure(error: unknown, failures: number): Promise<void> {
    const { clock, log, diverged } = this.#setting
    const code = error instanceof VaultError ? error.code : 'unexpected'
    if (error instanceof VaultError && code === 'trail.diverged') return diverged(error)
    if (code === 'storage.full') {
      const refused = new VaultError('trail.unavailable', { retryAfterSeconds: 1 }, error)
      for (const call of this.#queue) call.failed(refused)
    }
    if (failures === 0) log.warn('trail store failed', { code, ...(this.#tenant ? { tenant: this.#tenant } : {}) })
    if (this.#isWanted()) await clock.sleep(backoffMs(failures))
  }
}
