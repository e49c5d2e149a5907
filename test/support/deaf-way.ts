import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way to a server on which connections can die in silence, as where a router forgets them: neither side hears of it. */
export interface DeafWay extends AsyncDisposable {
  readonly port: number
  /** The connections on which `word` was sent so far carry nothing from now on; others, and new ones, do. */
  deafen(word: string): void
}

/** @param server port on this machine */
export async function deafWay(server: number): Promise<DeafWay> {
  const sockets = new Set<Socket>()
  const ways: { said: string; isDeaf: boolean }[] = []
  const proxy = createServer(client => {
    const upstream = connect(server, '127.0.0.1')
    const way = { said: '', isDeaf: false }
    ways.push(way)
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.on('error', () => undefined)
      from.on('data', chunk => {
        if (from === client) way.said += chunk.toString('latin1')
        if (!way.isDeaf) to.write(chunk)
      })
      from.once('close', () => {
        if (!way.isDeaf) to.destroy()
      })
    }
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return {
    port: (proxy.address() as AddressInfo).port,
    deafen(word) {
      for (const way of ways) if (way.said.includes(word)) way.isDeaf = true
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      proxy.close()
      await once(proxy, 'close')
    },
  }
}
