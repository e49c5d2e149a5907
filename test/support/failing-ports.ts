import { VaultError } from '../../src/domain/errors.ts'
import type { OpenBlob } from '../../src/ports/blobs.ts'
import type { Ports } from '../../src/ports/ports.ts'

/** Ports whose calls can fail; clock and log never do. */
const watched = [
  'ledger',
  'batches',
  'wrappedKeys',
  'blobs',
  'destroyed',
  'keyring',
  'images',
  'pdfs',
  'sniffer',
  'identity',
  'budgets',
] as const
type Watched = (typeof watched)[number]

/** One call of a port, before or after its effect. */
export interface PortCall {
  readonly port: Watched
  /** Such as `ledger.commit`; each chunk read of an open body is one `blobs.read`. */
  readonly name: string
  readonly at: 'before' | 'after'
}

/** May throw in place of the port, wait for as long as it likes, or end the process. */
export type AtCall = (call: PortCall) => void | Promise<void>

/** The real ports, each call of which is first told to `at`, and told again once it has had its effect. */
export function watchPorts(ports: Ports, at: AtCall): Ports {
  const over = Object.fromEntries(watched.map(port => [port, watchPort(port, ports[port], at)]))
  return { ...ports, ...over }
}

/** What a port of that name throws when it is not to be had. */
export function failureOf(port: Watched): Error {
  switch (port) {
    case 'ledger':
    case 'identity':
    case 'budgets':
      return new VaultError('ledger.unavailable')
    case 'batches':
      return new VaultError('trail.unavailable')
    case 'wrappedKeys':
    case 'destroyed':
    case 'keyring':
      return new VaultError('keys.unavailable')
    case 'blobs':
      return new VaultError('blobs.unavailable')
    case 'images':
    case 'pdfs':
    case 'sniffer':
      return new Error('injected')
  }
}

/** They give their items one by one, and are no calls. */
const listings: ReadonlySet<string> = new Set(['blobs.list', 'destroyed.list'])

function watchPort(port: Watched, inner: object, at: AtCall): object {
  return new Proxy(inner, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property)
      if (typeof value !== 'function') return value
      const name = `${port}.${String(property)}`
      if (typeof property === 'symbol' || listings.has(name)) return value.bind(target)
      return async (...args: readonly unknown[]) => {
        await at({ port, name, at: 'before' })
        const result: unknown = await Reflect.apply(value, target, args)
        if (name === 'blobs.open') return openedBlob(result as OpenBlob, at)
        await at({ port, name, at: 'after' })
        return result
      }
    },
  })
}

/** Opened and lost on the way is closed: the handle was nobody's. */
async function openedBlob(blob: OpenBlob, at: AtCall): Promise<OpenBlob> {
  try {
    await at({ port: 'blobs', name: 'blobs.open', at: 'after' })
    return watchBlob(blob, at)
  } catch (error) {
    await blob[Symbol.asyncDispose]()
    throw error
  }
}

function watchBlob(blob: OpenBlob, at: AtCall): OpenBlob {
  return {
    sizeBytes: blob.sizeBytes,
    async *read(start, end, signal) {
      await at({ port: 'blobs', name: 'blobs.read', at: 'before' })
      for await (const chunk of blob.read(start, end, signal)) {
        await at({ port: 'blobs', name: 'blobs.read', at: 'after' })
        yield chunk
        await at({ port: 'blobs', name: 'blobs.read', at: 'before' })
      }
    },
    [Symbol.asyncDispose]: () => blob[Symbol.asyncDispose](),
  }
}

/** How a call fails: once, before or after its effect, or from that moment on until the verb has ended. */
export const manners = {
  'fails once': (n: number) => (_: PortCall, at: number) => at === n,
  'fails from then on': (n: number, port: PortCall['port']) => (call: PortCall, at: number) =>
    at >= n && call.port === port,
}

/** Counts calls while it is on, and lets the chosen ones fail. */
export class Faults {
  #calls: PortCall[] | undefined
  #fails: ((call: PortCall, n: number) => boolean) | undefined
  #count = 0

  readonly at: AtCall = call => {
    if (this.#calls) this.#calls.push(call)
    if (!this.#fails) return
    this.#count++
    if (this.#fails(call, this.#count)) throw failureOf(call.port)
  }

  /** The calls that `work` makes when nothing fails, in order; each is there twice, before and after. */
  async record(work: () => Promise<unknown>): Promise<readonly PortCall[]> {
    const calls: PortCall[] = []
    this.#calls = calls
    try {
      await work()
    } finally {
      this.#calls = undefined
    }
    return calls
  }

  /** Runs `work` while `fails` says which calls do; `n` counts both sides of each call, from 1. */
  async during<Result>(
    fails: (call: PortCall, n: number) => boolean,
    work: () => Promise<Result>,
  ): Promise<PromiseSettledResult<Result>> {
    this.#count = 0
    this.#fails = fails
    try {
      const [result] = await Promise.allSettled([work()])
      return result
    } finally {
      this.#fails = undefined
    }
  }
}
