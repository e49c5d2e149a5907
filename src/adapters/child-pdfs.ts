import { Slots } from '../domain/slots.ts'
import type { Pdfs, PdfVerdict } from '../ports/pdfs.ts'
import type { PdfProcess } from './pdf-process.ts'

const maxChildren = 2
/** A child is replaced after so many files, so that nothing it might gather grows for ever. */
const maxChecks = 500

interface Held {
  readonly process: PdfProcess
  checks: number
}

/**
 * Judges PDFs in at most two child processes, each one file at a time. A child is used again only after a verdict that it
 * reached by itself and cheaply; after any doubt it is killed and the next check gets a fresh one.
 */
export class ChildPdfs implements Pdfs {
  readonly #slots = new Slots(maxChildren)
  readonly #idle: Held[] = []
  readonly #all = new Set<PdfProcess>()
  #disposed = false

  /** Starts a child ahead of the first PDF, which would wait some 70 ms for it otherwise. */
  async warm(): Promise<void> {
    await this.#slots.run(AbortSignal.timeout(60_000), async () => {
      const held = await this.#take()
      this.#giveBack(held, !this.#disposed)
    })
  }

  async check(unverified: Uint8Array, signal: AbortSignal): Promise<PdfVerdict> {
    return await this.#slots.run(signal, async () => {
      const held = await this.#take()
      const verdict = await held.process.check(unverified, signal)
      held.checks += 1
      this.#giveBack(held, verdict !== undefined && verdict.refusal?.code !== 'file.too-complex')
      signal.throwIfAborted()
      return verdict ?? { pages: 0, refusal: { code: 'file.too-complex', rule: 'process' } }
    })
  }

  /** Kills every child and resolves when all are gone; checks that are under way end as refusals. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    await Promise.all(Array.from(this.#all, child => child.end()))
    this.#all.clear()
    this.#idle.length = 0
  }

  async #take(): Promise<Held> {
    for (let held = this.#idle.pop(); held; held = this.#idle.pop()) {
      if (held.process.alive) return held
      this.#all.delete(held.process)
    }
    const { PdfProcess } = await import('./pdf-process.ts')
    const process = await PdfProcess.start()
    this.#all.add(process)
    return { process, checks: 0 }
  }

  #giveBack(held: Held, trusted: boolean): void {
    if (trusted && held.process.alive && held.checks < maxChecks && !this.#disposed) {
      this.#idle.push(held)
      return
    }
    this.#all.delete(held.process)
    held.process.kill()
  }
}
