import { freePort } from './free-port.ts'
import { needsVariable } from './needs.ts'

export const proxyNeeds = needsVariable('VAULT_TEST_TOXIPROXY', 'the fault proxy')

/** How a server can be gone: connections refused, accepted and never answered, or reset. */
export type Cut = 'refused' | 'silent' | 'reset'

export interface Toxic {
  readonly type: 'reset_peer' | 'latency' | 'limit_data'
  readonly stream: 'upstream' | 'downstream'
  readonly attributes: Readonly<Record<string, number>>
}

/** A way to a server that can be disturbed. It goes when it is disposed of. */
export interface FaultProxy extends AsyncDisposable {
  /** Like the server's own, by way of the proxy. */
  readonly url: string
  readonly host: string
  readonly port: number
  /** @returns what takes the disturbance away again */
  add(toxic: Toxic): Promise<AsyncDisposable>
  cut(how: Cut): Promise<AsyncDisposable>
}

/** @param server `http://host:port` */
export async function freshProxy(server: string): Promise<FaultProxy> {
  const { host: upstream } = new URL(server)
  const port = await freePort()
  const name = `vault-${port}-${process.pid}`
  const listen = `127.0.0.1:${port}`
  await ask('POST', '/proxies', { name, listen, upstream, enabled: true })
  let toxics = 0
  const add = async ({ type, stream, attributes }: Toxic): Promise<AsyncDisposable> => {
    const toxic = `t${toxics++}`
    await ask('POST', `/proxies/${name}/toxics`, { name: toxic, type, stream, toxicity: 1, attributes })
    return { [Symbol.asyncDispose]: () => ask('DELETE', `/proxies/${name}/toxics/${toxic}`) }
  }
  return {
    url: `http://${listen}`,
    host: '127.0.0.1',
    port,
    add,
    async cut(how) {
      if (how === 'silent') return add({ type: 'latency', stream: 'downstream', attributes: { latency: 4_000 } })
      if (how === 'reset') return add({ type: 'reset_peer', stream: 'downstream', attributes: { timeout: 0 } })
      await ask('POST', `/proxies/${name}`, { enabled: false })
      return { [Symbol.asyncDispose]: () => ask('POST', `/proxies/${name}`, { enabled: true }) }
    },
    [Symbol.asyncDispose]: () => ask('DELETE', `/proxies/${name}`),
  }
}

async function ask(method: string, path: string, body?: unknown): Promise<void> {
  const response = await fetch(`${proxyNeeds.value}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`the fault proxy answers ${response.status} to ${method} ${path}`)
  await response.arrayBuffer()
}
