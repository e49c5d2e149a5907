import type { ServerResponse } from 'node:http'
import { type ErrorCode, isUnavailable, VaultError } from '../domain/errors.ts'
import { exchangeOf } from './exchange.ts'
import { problems } from './problems.ts'

/** The body of every error answer, application/problem+json (RFC 9457). */
export interface ProblemBody {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly instance: string
  readonly code: ErrorCode
  readonly requestId: string
  readonly retryable: boolean
  readonly errors?: readonly { readonly field: string; readonly message: string }[]
  readonly limit?: number
  readonly actual?: number
  readonly allowed?: readonly string[]
  readonly certificate?: string
}

/** Anything that is no VaultError is unexpected: an id, and no text. */
export function asVaultError(error: unknown): VaultError {
  if (error instanceof VaultError) return error
  // Express and its router refuse a path that does not decode, with a status of their own.
  const status = (error as { readonly status?: unknown } | undefined)?.status
  return status === 400 ? new VaultError('request.malformed', {}, error) : new VaultError('unexpected', {}, error)
}

/** Facts are told only of refusals: what failed inside the vault is the operator's business. */
export function problemBody(error: VaultError, requestId: string): ProblemBody {
  const { code } = error
  const { status, title, detail, retryable } = problems[code]
  const facts = status < 500 ? error.facts : {}
  const { limit, actual, allowed, field, certificate } = facts
  const errors = facts.problems ?? (field === undefined ? undefined : [{ field, message: facts.detail ?? title }])
  return {
    type: `/problems/${code}`,
    title,
    status,
    detail: facts.detail ?? detail,
    instance: `urn:uuid:${requestId}`,
    code,
    requestId,
    retryable: retryable ?? false,
    ...(errors ? { errors } : {}),
    ...(limit === undefined ? {} : { limit }),
    ...(actual === undefined ? {} : { actual }),
    ...(allowed === undefined ? {} : { allowed }),
    ...(certificate === undefined ? {} : { certificate }),
  }
}

const secondsByCode: Partial<Record<ErrorCode, number>> = { 'budget.reads': 60, 'vault.stopping': 10 }

/** Headers that a status demands beside the body. */
export function problemHeaders(error: VaultError): Record<string, string> {
  const { code, facts } = error
  const { status } = problems[code]
  const headers: Record<string, string> = { 'Content-Type': 'application/problem+json' }
  if (status === 401)
    headers['WWW-Authenticate'] = code === 'credential.missing' ? 'Bearer' : 'Bearer error="invalid_token"'
  if (status === 416 && facts.sizeBytes !== undefined) headers['Content-Range'] = `bytes */${facts.sizeBytes}`
  if (facts.certificate !== undefined) headers.Link = `<${facts.certificate}>; rel="describedby"`
  if (status === 405 && facts.allowed) headers.Allow = facts.allowed.join(', ')
  if (facts.retryAfterSeconds !== undefined || status === 429 || status === 503 || status === 507) {
    headers['Retry-After'] = String(facts.retryAfterSeconds ?? secondsByCode[code] ?? (isUnavailable(code) ? 5 : 1))
  }
  return headers
}

/**
 * Answers with a problem, or, once an answer has begun, breaks the connection: an error must never look like an end.
 *
 * @param more members beside those of every problem, such as a tombstone
 */
export function sendProblem(
  res: ServerResponse,
  error: VaultError,
  more: Readonly<Record<string, unknown>> = {},
): void {
  const exchange = exchangeOf(res)
  exchange.code = error.code
  if (res.headersSent) {
    res.req.socket.destroy()
    return
  }
  const body = JSON.stringify({ ...problemBody(error, exchange.requestId), ...more })
  res.writeHead(problems[error.code].status, {
    ...problemHeaders(error),
    'Content-Length': Buffer.byteLength(body),
  })
  res.end(body)
}

/** For the operator's log: class name and system code of what was caught, never its message. */
export function causeOf(error: VaultError): string | undefined {
  const { cause } = error
  if (!(cause instanceof Error)) return undefined
  const code = (cause as { readonly code?: unknown }).code
  return typeof code === 'string' || typeof code === 'number' ? `${cause.name}:${code}` : cause.name
}

/** Whether this is a refusal of the caller, which belongs in the trail; failures of the vault itself do not. */
export function isRefusal(error: VaultError): boolean {
  return problems[error.code].status < 500
}
