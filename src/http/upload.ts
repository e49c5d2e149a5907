import type { Request, Response } from 'express'
import type { FileFilterCallback, StorageEngine } from 'multer'
import { VaultError } from '../domain/errors.ts'
import { limits } from '../domain/media.ts'
import { parseStrictJson } from '../domain/strict-json.ts'
import { declaredLength, watchBody } from './body-watch.ts'
import type { Door } from './door.ts'
import type { Lease } from './upload-memory.ts'

/** An upload whose `meta` is read and judged, and whose file is still on the wire. */
export interface Upload<Meta> {
  readonly meta: Meta
  /**
   * Takes a slot of memory and lets the file in; at most once. Resolves when the whole body was parsed without fault.
   * @throws {VaultError} capacity.no-slot - no memory for it now; nothing of the file was read
   * @throws {VaultError} file.too-large, file.empty, multipart.*, body.truncated, request.timeout
   */
  readonly collect: (signal: AbortSignal) => Promise<Uint8Array>
  /** Gives the memory back; `reuse` only when nothing can still be reading it. Must be called on every path. */
  end(reuse: boolean): void
}

const multipartType = /^multipart\/form-data *;/i
const maxBodyBytes = limits.pdf.maxBytes + limits.multipart.maxOverheadBytes

/**
 * Parses a multipart upload up to its file: `meta`, a text field of JSON, must come first, then exactly one `file`. Multer's
 * fileFilter is asked before the file is read, and its answer waits for the verb. The parser (busboy 1.6, unmaintained) is
 * known to this file alone.
 *
 * @param judgeMeta parses the object that `meta` holds; throws a VaultError
 * @throws {VaultError} body.media-type, body.too-large, multipart.*, field.*, body.*, request.timeout
 */
export async function beginUpload<Meta>(
  door: Door,
  req: Request,
  res: Response,
  judgeMeta: (meta: unknown) => Meta,
): Promise<Upload<Meta>> {
  refuseByHeaders(req)
  const { default: multer } = await import('multer')
  if (req.destroyed) throw new VaultError('body.truncated')
  if (req.headers.expect !== undefined) res.writeContinue()

  const begun = Promise.withResolvers<Upload<Meta>>()
  const whole = Promise.withResolvers<Uint8Array>()
  // A file that nobody asked for may fail unheard: `begun` or the verb has spoken before.
  whole.promise.catch(() => undefined)
  let admitFile: FileFilterCallback | undefined
  let lease: Lease | undefined

  const fail = (error: VaultError): void => {
    endWatch()
    begun.reject(error)
    whole.reject(error)
    // The parser takes no more; what still comes is thrown away until the door closes the connection.
    req.unpipe()
    req.resume()
  }
  const endWatch = watchBody(req, door.timeouts, maxBodyBytes, fail)

  const collect = async (signal: AbortSignal): Promise<Uint8Array> => {
    lease = door.memory.lease(declaredLength(req), limits.pdf.maxBytes)
    const onAbort = (): void => fail(abortReason(signal))
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    admitFile?.(null, true)
    admitFile = undefined
    try {
      return await whole.promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
  const end = (reuse: boolean): void => {
    admitFile?.(new VaultError('request.malformed'))
    admitFile = undefined
    endWatch()
    lease?.end(reuse)
  }

  const fileFilter = (_: unknown, __: unknown, answer: FileFilterCallback): void => {
    try {
      const meta = judgeMeta(metaOf(req.body as Readonly<Record<string, unknown>>))
      admitFile = answer
      begun.resolve({ meta, collect, end })
    } catch (error) {
      answer(error as Error)
    }
  }
  const storage = intoLease(() => lease, fail)
  const parse = multer({ storage, fileFilter, defParamCharset: 'utf8', limits: multipartLimits }).single('file')
  parse(req, res, (error: unknown) => {
    if (error !== undefined && error !== null) return fail(translate(error))
    endWatch()
    const bytes = lease?.contents()
    if (bytes === undefined) return fail(new VaultError('multipart.parts'))
    if (bytes.length === 0) return fail(new VaultError('file.empty'))
    whole.resolve(bytes)
  })
  return await begun.promise
}

const multipartLimits = {
  fileSize: limits.pdf.maxBytes,
  files: 1,
  fields: 1,
  parts: limits.multipart.maxParts,
  fieldSize: limits.multipart.maxMetaBytes,
  fieldNameSize: limits.multipart.maxFieldNameBytes,
  headerPairs: limits.multipart.maxHeaderPairs,
  fieldNestingDepth: 0,
  fieldArrayIndexLimit: 0,
}

/** Multer reads the whole rest of a body before it reports an error: what can be refused by its head is refused here. */
function refuseByHeaders(req: Request): void {
  const encoded = req.headers['content-encoding'] !== undefined
  if (encoded || !multipartType.test(req.headers['content-type'] ?? '')) {
    throw new VaultError('body.media-type', { allowed: ['multipart/form-data'] })
  }
  const declared = declaredLength(req)
  if (declared !== undefined && declared > maxBodyBytes) {
    throw new VaultError('body.too-large', { limit: maxBodyBytes, actual: declared })
  }
}

/** `fields` is multer's null-prototype record of the text parts that came before the file. */
function metaOf(fields: Readonly<Record<string, unknown>>): unknown {
  const names = Object.keys(fields)
  if (names.length === 0) throw new VaultError('multipart.order')
  if (names.some(name => name !== 'meta')) throw new VaultError('field.unknown', { field: 'part' })
  const text = fields.meta
  if (typeof text !== 'string') throw new VaultError('multipart.parts')
  return parseStrictJson(text, limits.json.maxDepth)
}

/** A storage engine that copies into the lent buffer, and stops at the limit of the kind that the first bytes announce. */
function intoLease(leased: () => Lease | undefined, fail: (error: VaultError) => void): StorageEngine {
  return {
    _handleFile(_req, file, done) {
      const lease = leased()
      if (!lease) return done(new VaultError('unexpected'))
      file.stream.on('data', (chunk: Uint8Array) => {
        lease.add(chunk)
        const held = lease.contents()
        const limit = startsAsPdf(held) ? limits.pdf.maxBytes : limits.image.maxBytes
        if (held.length > limit) fail(new VaultError('file.too-large', { limit }))
      })
      file.stream.once('error', done)
      file.stream.once('end', () => done(null, {}))
    },
    _removeFile(_req, _file, done) {
      done(null)
    },
  }
}

const pdfStart = Buffer.from('%PDF-')

function startsAsPdf(bytes: Uint8Array): boolean {
  return pdfStart.equals(bytes.subarray(0, pdfStart.length))
}

function abortReason(signal: AbortSignal): VaultError {
  return signal.reason instanceof VaultError ? signal.reason : new VaultError('request.timeout', {}, signal.reason)
}

const partCodes = ['LIMIT_PART_COUNT', 'LIMIT_FILE_COUNT', 'LIMIT_FIELD_COUNT', 'LIMIT_UNEXPECTED_FILE']
const earlyEnds = ['Unexpected end of form', 'Unexpected end of file', 'Request aborted', 'Request closed']

/** Multer's and busboy's errors; the latter have no code, only a message. */
function translate(error: unknown): VaultError {
  if (error instanceof VaultError) return error
  const { code, message } = error as { readonly code?: string; readonly message?: string }
  if (code === 'LIMIT_FILE_SIZE') return new VaultError('file.too-large', { limit: limits.pdf.maxBytes }, error)
  if (code === 'LIMIT_FIELD_VALUE') {
    return new VaultError('body.too-large', { limit: limits.multipart.maxMetaBytes, field: 'meta' }, error)
  }
  if (code !== undefined && partCodes.includes(code)) return new VaultError('multipart.parts', {}, error)
  if (message !== undefined && earlyEnds.includes(message)) return new VaultError('body.truncated', {}, error)
  return new VaultError('multipart.malformed', {}, error)
}
