import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/** What happens to one request. */
export interface Blow {
  /** Which one; from 1. */
  readonly at: number
  /** The request never arrives, or it is served and its answer meets what `cut` made of the way. */
  readonly side: 'before' | 'after'
  readonly cut: () => Promise<void>
  /** Whether the request goes on to the server afterwards; else its connection ends. */
  readonly goesOn?: boolean
  /** Once the connection of that request has ended. */
  readonly ended?: () => void
}

/** A way to a server on which requests are told apart, so that a fault can be timed to one of them. */
export interface WatchedWay extends AsyncDisposable {
  /** Like the server's own. */
  readonly url: string
  readonly port: number
  /** Requests by what they ask for, such as `GenerateDataKey`, `PUT` or `insert`; heartbeats are none. */
  readonly counts: ReadonlyMap<string, number>
  /** Counts from here; at the nth request the blow falls, once. */
  arm(blow: Blow): void
  /** @returns whether the blow has fallen */
  disarm(): boolean
}

interface Armed {
  readonly blow: Blow
  left: number
  fell: boolean
}

/** @param server `http://host:port`, also of a MongoDB server: requests are told apart by who speaks, and named by how they begin */
export async function watchedWay(server: string): Promise<WatchedWay> {
  const { hostname, port } = new URL(server)
  const counts = new Map<string, number>()
  const sockets = new Set<Socket>()
  let armed: Armed | undefined
  /** @returns the blow that falls on this request */
  const judge = (name: string): Blow | undefined => {
    if (heartbeats.has(name)) return undefined
    counts.set(name, (counts.get(name) ?? 0) + 1)
    if (!armed || armed.fell || --armed.left > 0) return undefined
    armed.fell = true
    return armed.blow
  }
  const proxy = createServer(client => {
    const upstream = connect(Number(port), hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      socket.once('close', () => sockets.delete(socket))
    }
    client.once('close', () => upstream.destroy())
    upstream.once('close', () => client.destroy())
    join(client, upstream, judge)
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const address = proxy.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    counts,
    arm(blow) {
      armed = { blow, left: blow.at, fell: false }
    },
    disarm() {
      const fell = armed?.fell ?? false
      armed = undefined
      return fell
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      proxy.close()
      await once(proxy, 'close')
    },
  }
}

/** Both protocols take turns: what the client says after the server has spoken is a new request. */
function join(client: Socket, upstream: Socket, judge: (name: string) => Blow | undefined): void {
  let isClientsTurn = true
  let struck: Blow | undefined
  client.on('data', (chunk: Buffer) => {
    const blow = isClientsTurn ? judge(nameOf(chunk)) : undefined
    isClientsTurn = false
    if (blow?.ended) client.once('close', blow.ended)
    if (blow?.side === 'before') {
      client.pause()
      void blow.cut().then(() => {
        if (!blow.goesOn) return client.resetAndDestroy()
        upstream.write(chunk)
        client.resume()
      })
      return
    }
    struck ??= blow
    upstream.write(chunk)
  })
  upstream.on('data', (chunk: Buffer) => {
    isClientsTurn = true
    if (!struck) return void client.write(chunk)
    upstream.pause()
    void struck.cut().then(() => {
      struck = undefined
      client.write(chunk)
      upstream.resume()
    })
  })
}

const heartbeats = new Set(['hello', 'ismaster', 'isMaster', 'ping', 'endSessions', ''])
const opMessage = 2_013
const firstNameAt = 26

/** The command of a MongoDB message, the operation of a request to KMS, or the method of any other over HTTP. */
function nameOf(chunk: Buffer): string {
  if (chunk.length > firstNameAt && chunk.readInt32LE(12) === opMessage) {
    return chunk.toString('latin1', firstNameAt, chunk.indexOf(0, firstNameAt))
  }
  const text = chunk.toString('latin1', 0, 4_096)
  return /x-amz-target: TrentService\.(\w+)/i.exec(text)?.[1] ?? /^[A-Z]{3,7}(?= )/.exec(text)?.[0] ?? ''
}
