import type { ServerResponse } from 'node:http'
import type { Caller } from '../domain/caller.ts'
import type { ErrorCode } from '../domain/errors.ts'

/** What the door knows of one request, for its answer and its log line. */
export interface Exchange {
  readonly requestId: string
  readonly startedMs: number
  readonly abort: AbortController
  /** It came after a stop had begun: it is answered that the vault is stopping, while those before it get their time. */
  readonly isLate: boolean
  /** The pattern of the route, once one has matched. */
  route: string
  caller?: Caller
  code?: ErrorCode
}

const exchanges = new WeakMap<ServerResponse, Exchange>()

export function beginExchange(res: ServerResponse, exchange: Exchange): void {
  exchanges.set(res, exchange)
}

/** Every response that came through `app.ts` has one. */
export function exchangeOf(res: ServerResponse): Exchange {
  const exchange = exchanges.get(res)
  if (!exchange) throw new Error('a response without an exchange')
  return exchange
}
