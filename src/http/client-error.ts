import type { Duplex } from 'node:stream'
import { type ErrorCode, VaultError } from '../domain/errors.ts'
import { newUuid7 } from '../guards/uuid7.ts'
import { problemBody, problemHeaders } from './problem.ts'
import { problems } from './problems.ts'

const codes: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'request.headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request.timeout',
  HPE_INVALID_EOF_STATE: 'body.truncated',
}

/**
 * What Node's parser refuses never becomes a request: the answer is written to the bare connection, which then ends. Nothing is
 * written where an answer may have begun, since it would be taken for a part of it.
 *
 * @param answering whether the head of an answer has left on this connection and its end has not
 */
export function answerClientError(error: Error & { readonly code?: string }, socket: Duplex, answering: boolean): void {
  if (answering || !socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const refusal = new VaultError(codes[error.code ?? ''] ?? 'request.malformed', {}, error)
  const requestId = newUuid7()
  const body = JSON.stringify(problemBody(refusal, requestId))
  const { status, title } = problems[refusal.code]
  const headers = {
    ...problemHeaders(refusal),
    'Content-Length': String(Buffer.byteLength(body)),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'Vault-Request-Id': requestId,
    Connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  socket.end(`HTTP/1.1 ${status} ${title}\r\n${lines.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}
