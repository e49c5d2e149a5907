import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { VaultError } from '../domain/errors.ts'

interface Exchange {
  readonly res: ServerResponse
  readonly abort: AbortController
}

/** What the door is in the middle of: answers not yet ended, and outcomes not yet on record. */
export class InFlight {
  readonly #exchanges = new Map<ServerResponse, Exchange>()
  readonly #outcomes = new Set<Promise<void>>()
  #stopping = false
  #onQuiet: (() => void) | undefined

  get stopping(): boolean {
    return this.#stopping
  }

  get count(): number {
    return this.#exchanges.size
  }

  /**
   * Follows one answer to its end.
   *
   * @param ended called once, when the answer has left or its connection has ended
   * @returns a signal that is aborted with a VaultError when the client goes away before the answer's end
   */
  follow(res: ServerResponse, ended: () => void): AbortController {
    const { socket } = res.req
    const abort = new AbortController()
    this.#exchanges.set(res, { res, abort })
    if (this.#stopping) res.shouldKeepAlive = false
    const end = (): void => {
      res.off('close', end)
      socket.off('close', end)
      // Both may end in one go, and a listener that is being called can no longer be taken off.
      if (!this.#exchanges.delete(res)) return
      if (!res.writableFinished) abort.abort(new VaultError('body.truncated', { detail: 'The client is gone.' }))
      ended()
      this.#settle()
    }
    res.once('close', end)
    // An answer that still waits for its turn behind another one of its connection hears nothing of the connection's end.
    socket.once('close', end)
    return abort
  }

  /** Whether the head of an answer has left on this connection and its end has not. */
  isAnswering(socket: Duplex): boolean {
    for (const { res } of this.#exchanges.values()) {
      if (res.socket === socket && res.headersSent) return true
    }
    return false
  }

  /** Keeps a stop waiting for an outcome that is written after the answer has left. `outcome` must not reject. */
  track(outcome: Promise<void>): void {
    this.#outcomes.add(outcome)
    void outcome.finally(() => {
      this.#outcomes.delete(outcome)
      this.#settle()
    })
  }

  /** From here on every answer that has not begun closes its connection. */
  beginStop(): void {
    this.#stopping = true
    for (const { res } of this.#exchanges.values()) {
      // Node writes `Connection: close` for it, and ends the connection after the answer.
      if (!res.headersSent) res.shouldKeepAlive = false
    }
  }

  /** Aborts what is still under way. */
  abortAll(): void {
    for (const { abort } of this.#exchanges.values()) abort.abort(new VaultError('vault.stopping'))
  }

  /** Resolves when nothing is under way. */
  async quiet(): Promise<void> {
    if (this.#isQuiet()) return
    await new Promise<void>(resolve => {
      this.#onQuiet = resolve
    })
  }

  #isQuiet(): boolean {
    return this.#exchanges.size === 0 && this.#outcomes.size === 0
  }

  #settle(): void {
    if (this.#isQuiet()) this.#onQuiet?.()
  }
}
