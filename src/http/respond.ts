import { createHash } from 'node:crypto'
import type { Request, Response } from 'express'
import type { Content, Unchanged } from '../access/open-document.ts'
import { VaultError } from '../domain/errors.ts'
import type { DocumentView } from '../domain/view.ts'
import { codeOf } from '../guards/admit.ts'
import type { Answered } from '../guards/idempotency.ts'
import type { Placed } from '../guards/vault.ts'
import { parseIfNoneMatch } from './conditions.ts'
import type { Door } from './door.ts'
import { exchangeOf } from './exchange.ts'
import { sendProblem } from './problem.ts'

/** What a handler answers; only this file writes it to the wire. */
export type Reply =
  | { readonly kind: 'json'; readonly status?: number; readonly body: object }
  /** Carries a strong ETag and heeds If-None-Match. */
  | { readonly kind: 'tagged'; readonly body: object }
  | { readonly kind: 'answered'; readonly answered: Answered }
  | { readonly kind: 'gone'; readonly tombstone: DocumentView }
  | { readonly kind: 'opened'; readonly opened: Content | Unchanged }

/** Resolves when the answer has ended, or was broken. */
export async function send(door: Door, req: Request, res: Response, reply: Reply): Promise<void> {
  switch (reply.kind) {
    case 'json':
      return sendJson(res, reply.status ?? 200, JSON.stringify(reply.body))
    case 'tagged':
      return sendTagged(req, res, JSON.stringify(reply.body))
    case 'answered': {
      const { status, location, body, replayed } = reply.answered
      if (location !== undefined) res.setHeader('Location', location)
      if (replayed) res.setHeader('Idempotent-Replayed', 'true')
      return sendJson(res, status, body)
    }
    case 'gone':
      return sendProblem(res, purged(reply.tombstone), { tombstone: reply.tombstone })
    case 'opened':
      return sendOpened(door, res, reply.opened)
  }
}

function purged({ id }: DocumentView): VaultError {
  return new VaultError('document.purged', { certificate: `/v1/documents/${id}/certificate` })
}

export function sendJson(res: Response, status: number, body: string): void {
  res.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
  res.end(body)
}

/** The tag is a digest of the answer itself: a review's new state changes it as well as the document's own version. */
function sendTagged(req: Request, res: Response, body: string): void {
  const etag = `"j1-${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  res.setHeader('ETag', etag)
  const held = parseIfNoneMatch(req.headers['if-none-match'])
  if (held === '*' || held?.includes(etag)) res.writeHead(304).end()
  else sendJson(res, 200, body)
}

async function sendOpened(door: Door, res: Response, opened: Content | Unchanged): Promise<void> {
  const named = { ETag: opened.etag, 'Vault-Receipt': receiptText(opened.receipt) }
  if (opened.kind === 'not-modified') {
    res.writeHead(304, named).end()
    return
  }
  const head = { ...named, ...contentHead(opened) }
  const status = opened.partial ? 206 : 200
  const delivered = { complete: false, bytes: 0 }
  try {
    // Express routes HEAD to GET; the verb has given a look at the head no bytes, and Node sends none.
    if (res.req.method === 'HEAD') res.writeHead(status, head).end()
    else await stream(res, status, head, opened, delivered, door.timeouts.stalledReaderMs)
    delivered.complete = true
  } catch (error) {
    // A frame that failed or a reader that left: the connection breaks, so that nothing looks like an end.
    if (res.headersSent) res.req.socket.destroy()
    if (!(error instanceof ReaderGone)) throw error
  } finally {
    door.inFlight.track(finish(door, res, opened, delivered))
  }
}

function contentHead({ media, fileName, sizeBytes, start, end, partial }: Content): Record<string, string | number> {
  return {
    'Content-Type': media,
    'Content-Length': end - start,
    'Content-Disposition': `attachment; filename="${fileName}"`,
    'Content-Security-Policy': 'sandbox',
    'Accept-Ranges': 'bytes',
    ...(partial ? { 'Content-Range': `bytes ${start}-${end - 1}/${sizeBytes}` } : {}),
  }
}

/** The reader closed the connection or takes nothing: not a failure of the vault. */
class ReaderGone extends Error {}

/** The head waits for the first verified bytes: what fails before them is still told as a problem. */
async function stream(
  res: Response,
  status: number,
  head: Record<string, string | number>,
  content: Content,
  delivered: { bytes: number },
  stalledReaderMs: number,
): Promise<void> {
  const expected = content.end - content.start
  for await (const chunk of content.bytes) {
    if (res.destroyed) throw new ReaderGone()
    if (!res.headersSent) res.writeHead(status, head)
    res.write(chunk)
    delivered.bytes += chunk.length
    // What an earlier write() answered may be out of date by now, and its drain long gone.
    if (res.writableNeedDrain) await drained(res, stalledReaderMs)
  }
  if (delivered.bytes !== expected) throw new VaultError('seal.broken', { actual: delivered.bytes, limit: expected })
  await ended(res, stalledReaderMs)
}

function drained(res: Response, stalledReaderMs: number): Promise<void> {
  return settled(res, 'drain', stalledReaderMs)
}

/** Resolves once the last byte was handed to the system. */
function ended(res: Response, stalledReaderMs: number): Promise<void> {
  const finished = settled(res, 'finish', stalledReaderMs)
  res.end()
  return finished
}

function settled(res: Response, event: 'drain' | 'finish', timeoutMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const leave = (): void => reject(new ReaderGone())
  const timer = setTimeout(() => {
    // Without a socket the answer waits for its turn behind another of its connection, which has a timer of its own.
    if (res.socket === null && !res.req.socket.destroyed) timer.refresh()
    else leave()
  }, timeoutMs)
  res.once(event, resolve)
  res.once('close', leave)
  return promise.finally(() => {
    clearTimeout(timer)
    res.off(event, resolve)
    res.off('close', leave)
  })
}

/** The outcome follows the last byte and nobody waits for it but a stop; if it does not land, the sweep of open grants tells. */
async function finish(
  door: Door,
  res: Response,
  content: Content,
  delivered: { readonly complete: boolean; readonly bytes: number },
): Promise<void> {
  try {
    await content.finish(delivered)
  } catch (error) {
    door.vault.log.error('outcome of a read not on record', {
      requestId: exchangeOf(res).requestId,
      code: codeOf(error),
    })
  }
}

/** Where the entry of this look stands, as a structured field (RFC 9651): `"log";index=…;leaf="…"`. */
function receiptText({ log, index, leafHash }: Placed): string {
  return `"${log}";index=${index};leaf="${leafHash}"`
}
