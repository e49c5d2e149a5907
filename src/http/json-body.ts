import type { Request, Response } from 'express'
import { VaultError } from '../domain/errors.ts'
import { limits } from '../domain/media.ts'
import { parseStrictJson } from '../domain/strict-json.ts'
import { declaredLength, watchBody } from './body-watch.ts'
import type { DoorTimeouts } from './door.ts'

const jsonType = /^application\/json(?: *; *charset="?utf-8"?)?$/i

/**
 * Reads a JSON body of at most 64 KiB and 20 levels.
 *
 * @throws {VaultError} body.media-type - not exactly application/json in UTF-8, or encoded
 * @throws {VaultError} body.too-large, body.malformed, body.duplicate-key, body.truncated, request.timeout
 */
export async function readJsonBody(req: Request, res: Response, timeouts: DoorTimeouts): Promise<unknown> {
  if (!jsonType.test(req.headers['content-type'] ?? '') || req.headers['content-encoding'] !== undefined) {
    throw new VaultError('body.media-type', { allowed: ['application/json'] })
  }
  const { maxBytes, maxDepth } = limits.json
  if ((declaredLength(req) ?? 0) > maxBytes) throw new VaultError('body.too-large', { limit: maxBytes })
  if (req.headers.expect !== undefined) res.writeContinue()
  return parseStrictJson(await readAll(req, timeouts, maxBytes), maxDepth)
}

async function readAll(req: Request, timeouts: DoorTimeouts, maxBytes: number): Promise<Uint8Array> {
  // A client that left while its credential was looked up: nothing of its body will be heard any more.
  if (req.destroyed) throw new VaultError('body.truncated')
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  const chunks: Uint8Array[] = []
  const endWatch = watchBody(req, timeouts, maxBytes, reject)
  req.on('data', (chunk: Uint8Array) => chunks.push(chunk))
  req.once('end', () => resolve(Buffer.concat(chunks)))
  req.once('close', () => reject(new VaultError('body.truncated')))
  req.once('error', error => reject(new VaultError('body.truncated', {}, error)))
  try {
    return await promise
  } finally {
    endWatch()
  }
}
