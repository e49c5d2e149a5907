import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * An answer may be complete while its request still comes in. Closing at once would reset the connection and lose the answer on
 * its way; so the rest is thrown away for a moment, and only a client that has not ended by then is cut off.
 */
export function lingerThenClose(req: IncomingMessage, res: ServerResponse, lingerMs: number): void {
  res.once('finish', () => {
    if (req.complete) return
    req.resume()
    const { socket } = req
    const cut = setTimeout(() => socket.destroy(), lingerMs)
    const spare = (): void => clearTimeout(cut)
    req.once('end', spare)
    socket.once('close', spare)
  })
}
