import type { IncomingMessage } from 'node:http'
import { VaultError } from '../domain/errors.ts'
import { limits } from '../domain/media.ts'
import type { DoorTimeouts } from './door.ts'

/**
 * Watches a body while somebody else reads it: `fail` is called at most once, for a body that grows past `maxBytes`, brings
 * less than `minBodyBytes` within `stalledMs` although it is being read, or is not over after `requestMs`.
 *
 * @returns ends the watch
 */
export function watchBody(
  req: IncomingMessage,
  timeouts: Pick<DoorTimeouts, 'stalledMs' | 'requestMs'>,
  maxBytes: number,
  fail: (error: VaultError) => void,
): () => void {
  let totalBytes = 0
  let markedBytes = 0
  const end = (): void => {
    clearTimeout(stall)
    clearTimeout(deadline)
    req.off('data', onData)
  }
  const failOnce = (error: VaultError): void => {
    end()
    fail(error)
  }
  const onData = (chunk: Uint8Array): void => {
    totalBytes += chunk.length
    if (totalBytes > maxBytes) {
      failOnce(new VaultError('body.too-large', { limit: maxBytes }))
    } else if (totalBytes - markedBytes >= limits.request.minBodyBytes) {
      markedBytes = totalBytes
      stall.refresh()
    }
  }
  const stall = setTimeout(() => {
    // While the vault itself holds the body back, the client is not the slow one.
    if (req.isPaused()) stall.refresh()
    else failOnce(new VaultError('request.timeout', { limit: timeouts.stalledMs }))
  }, timeouts.stalledMs)
  const deadline = setTimeout(
    () => failOnce(new VaultError('request.timeout', { limit: timeouts.requestMs })),
    timeouts.requestMs,
  )
  req.on('data', onData)
  return end
}

/** The length of the body as declared; undefined for a chunked one. Node has refused malformed ones already. */
export function declaredLength(req: IncomingMessage): number | undefined {
  const text = req.headers['content-length']
  return text === undefined ? undefined : Number(text)
}

/** True where a body was announced, whatever its length. */
export function announcesBody(req: IncomingMessage): boolean {
  return req.headers['transfer-encoding'] !== undefined || (declaredLength(req) ?? 0) > 0
}
