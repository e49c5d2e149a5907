import type { NextFunction, Request, Response } from 'express'
import { VaultError } from '../domain/errors.ts'
import { limits } from '../domain/media.ts'

/** Headers that say one thing: twice is an attempt to be read in two ways by two readers. */
const single = new Set([
  'host',
  'authorization',
  'vault-second-authorization',
  'vault-purpose',
  'vault-case',
  'idempotency-key',
  'content-type',
  'content-length',
  'transfer-encoding',
  'content-encoding',
  'range',
  'if-range',
  'expect',
])

/**
 * What Node lets pass and the vault does not: no or two Host lines, a target that is no path, a repeated header of one meaning, too
 * many header lines (Node drops those above its count in silence, so the door lets one more in, and refuses).
 */
export function strictFraming(req: Request, _res: Response, next: NextFunction): void {
  const { rawHeaders } = req
  if (rawHeaders.length / 2 > limits.request.maxHeaders) throw new VaultError('request.headers-too-large')
  if (!req.url.startsWith('/')) throw new VaultError('request.malformed', { detail: 'The target must be a path.' })
  const seen = new Set<string>()
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase()
    if (!single.has(name)) continue
    if (seen.has(name)) throw new VaultError('request.malformed', { detail: 'A header stands twice.', field: name })
    seen.add(name)
  }
  if (!seen.has('host')) throw new VaultError('request.malformed', { detail: 'A Host line is needed.' })
  next()
}
