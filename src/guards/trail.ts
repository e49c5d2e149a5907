import { canonicalEntry, completeEntry, type EntryDraft } from '../domain/entry.ts'
import { VaultError } from '../domain/errors.ts'
import type { TenantId } from '../domain/ids.ts'
import { lengthBytes } from './entry-bundle.ts'
import { leafHash } from './merkle.ts'
import type { SealedEntry } from './trail-head.ts'
import { type Call, type LineSetting, maxBatchBytes, maxBatchEntries, TrailLine } from './trail-line.ts'
import type { Placing } from './trail-place.ts'
import { newUuid7 } from './uuid7.ts'
import type { Placed, TrailWriter } from './vault.ts'

/** A caller hears of its append within this time, whatever the store does. */
const deadlineMs = 2_000
const tickMs = 100
/** What may wait at once; beyond it appends are refused rather than kept in memory. */
const maxWaitingEntries = 20_000
const maxWaitingBytes = 32 * 1024 * 1024

interface Waiting extends Call {
  readonly askedAtMs: number
  readonly askedAtTick: number
}

/**
 * The writer of the trail: entries of each tenant and UTC year in one Merkle log, shared with any number of other writers on
 * the same store.
 *
 * Entries of one call stand side by side in one batch, all or none; at most 512 of them and 1 MiB. A caller that was told
 * `trail.unavailable` may still find its entries in the log later: an intent without an outcome, which is legal, while no
 * effect follows it.
 */
export class Trail implements TrailWriter, AsyncDisposable {
  readonly #setting: LineSetting
  readonly #lines = new Map<TenantId | undefined, TrailLine>()
  /** In the order they were asked, so deadlines pass from the front. */
  #waiting: Waiting[] = []
  #waitingEntries = 0
  #waitingBytes = 0
  #tick = 0
  #isTicking = false
  #isClosing = false
  #diverged: VaultError | undefined

  constructor(setting: Placing & { readonly instance: string }) {
    this.#setting = { ...setting, diverged: error => this.#stop(error) }
  }

  async append(drafts: readonly EntryDraft[]): Promise<readonly Placed[]> {
    if (this.#diverged) throw new VaultError('trail.diverged', {}, this.#diverged)
    if (this.#isClosing) throw new VaultError('trail.unavailable')
    const [first] = drafts
    if (!first) return []
    const tenant = first.caller?.tenant
    if (drafts.some(({ caller }) => caller?.tenant !== tenant)) {
      throw new VaultError('unexpected', { detail: 'append.tenants' })
    }
    const nowMs = this.#setting.clock.nowMs()
    const entries = drafts.map(draft => this.#sealed(draft, nowMs))
    const { promise, resolve, reject } = Promise.withResolvers<readonly Placed[]>()
    const call = this.#wait(entries, nowMs, resolve, reject)
    this.#lineOf(tenant).add(call)
    return promise
  }

  /** Refuses new appends and resolves when every one under way has been answered. */
  async close(): Promise<void> {
    this.#isClosing = true
    await Promise.all([...this.#lines.values()].map(line => line.idle()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #sealed(draft: EntryDraft, nowMs: number): SealedEntry {
    const id = newUuid7(nowMs)
    const bytes = canonicalEntry(completeEntry(draft, id, nowMs, this.#setting.instance))
    return { id, bytes, leaf: leafHash(bytes) }
  }

  #lineOf(tenant: TenantId | undefined): TrailLine {
    const known = this.#lines.get(tenant)
    if (known) return known
    const line = new TrailLine(this.#setting, tenant)
    this.#lines.set(tenant, line)
    return line
  }

  #wait(
    entries: readonly SealedEntry[],
    nowMs: number,
    resolve: (placed: readonly Placed[]) => void,
    reject: (error: VaultError) => void,
  ): Waiting {
    const bytes = entries.reduce((sum, entry) => sum + lengthBytes + entry.bytes.length, 0)
    if (entries.length > maxBatchEntries || bytes > maxBatchBytes) {
      throw new VaultError('unexpected', { detail: 'append.too-large', limit: maxBatchEntries, actual: entries.length })
    }
    if (this.#waitingEntries + entries.length > maxWaitingEntries || this.#waitingBytes + bytes > maxWaitingBytes) {
      throw new VaultError('trail.unavailable', { retryAfterSeconds: 1 })
    }
    this.#waitingEntries += entries.length
    this.#waitingBytes += bytes
    let isSettled = false
    const settle = (): boolean => {
      if (isSettled) return false
      isSettled = true
      this.#waitingEntries -= entries.length
      this.#waitingBytes -= bytes
      return true
    }
    const call: Waiting = {
      entries,
      bytes,
      askedAtMs: nowMs,
      askedAtTick: this.#tick,
      isSettled: () => isSettled,
      placed: (log, first) => {
        if (settle()) resolve(entries.map((entry, i) => placedAt(log, first + i, entry)))
      },
      failed: error => {
        if (settle()) reject(error)
      },
    }
    this.#waiting.push(call)
    if (!this.#isTicking) void this.#keepTime()
    return call
  }

  /**
   * Tells those whose time is up. One timer serves every caller. It counts ticks, since the clock of the machine may be set
   * back while they wait; one that jumps ahead only makes the answer earlier.
   */
  async #keepTime(): Promise<void> {
    const { clock } = this.#setting
    const late = new VaultError('trail.unavailable', { retryAfterSeconds: 1 })
    this.#isTicking = true
    while (this.#waitingEntries > 0) {
      await clock.sleep(tickMs)
      this.#tick++
      const nowMs = clock.nowMs()
      const isLate = (call: Waiting): boolean =>
        nowMs - call.askedAtMs >= deadlineMs || this.#tick - call.askedAtTick > deadlineMs / tickMs
      for (const call of this.#waiting) if (isLate(call)) call.failed(late)
      this.#waiting = this.#waiting.filter(call => !call.isSettled())
    }
    this.#waiting = []
    this.#isTicking = false
  }

  #stop(error: VaultError): void {
    if (!this.#diverged) {
      const { detail } = error.facts
      this.#setting.log.error('trail diverged: all appends stop', {
        code: error.code,
        ...(detail ? { cause: detail } : {}),
      })
    }
    this.#diverged ??= error
    for (const call of this.#waiting) call.failed(error)
  }
}

function placedAt(log: string, index: number, { id, leaf }: SealedEntry): Placed {
  return { log, index, id, leafHash: Buffer.from(leaf).toString('base64url') }
}
