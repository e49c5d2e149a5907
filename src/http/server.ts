import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { limits } from '../domain/media.ts'
import { type ProcessRole, processRoles } from '../domain/process-role.ts'
import { JobCounts } from '../guards/job-counts.ts'
import type { Vault } from '../guards/vault.ts'
import { makeApp } from './app.ts'
import { answerClientError } from './client-error.ts'
import { Cursors } from './cursors.ts'
import type { Door, DoorTimeouts } from './door.ts'
import { InFlight } from './in-flight.ts'
import type { MetricsListener } from './metrics.ts'
import { createServer } from './node-http.ts'
import { RequestCounts } from './request-counts.ts'
import { routes } from './routes.ts'
import { isServed } from './served-by.ts'
import { UploadMemory } from './upload-memory.ts'

export interface DoorOptions {
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
  /** `/metrics` is offered only where a port is given; 0 lets the system choose. */
  readonly metricsPort?: number
  /** Loopback unless told otherwise. */
  readonly metricsHost?: string
  /** The most bytes of uploads that may be in memory at once; at least one whole upload. */
  readonly uploadBudgetBytes: number
  readonly maxConnections: number
  /** What this process is for; everything when absent. */
  readonly roles?: readonly ProcessRole[]
  /** The stores are older than what was destroyed: nothing below /v1 is answered. */
  readonly restored?: boolean
  /** Shown in the OpenAPI document. */
  readonly version: string
  /** For tests and operators in need; the published limits otherwise. */
  readonly timeouts?: Partial<DoorTimeouts>
}

export interface OpenDoor {
  /** Without a slash at its end. */
  readonly url: string
  readonly port: number
  readonly metricsUrl?: string
  /** Shown in the metrics: whoever runs the jobs counts here. */
  readonly jobs: JobCounts
  /**
   * Loads the verbs of every route that this process serves; a request that comes earlier loads its own.
   * @throws what a file of the vault cannot be loaded for
   */
  load(): Promise<void>
  /** Resolves when nothing listens and nothing is under way any more; within `stopMs` and a little. */
  stop(): Promise<void>
}

const publishedTimeouts: DoorTimeouts = {
  headersMs: limits.request.headersTimeoutMs,
  requestMs: limits.request.totalTimeoutMs,
  stalledMs: limits.request.stalledBodyMs,
  stalledReaderMs: 30_000,
  keepAliveMs: 15_000,
  lingerMs: 5_000,
  stopMs: 9_000,
}

/** Starts to listen. @throws the system's error when the address cannot be had */
export async function openDoor(vault: Vault, options: DoorOptions): Promise<OpenDoor> {
  const timeouts = { ...publishedTimeouts, ...options.timeouts }
  const door: Door = {
    vault,
    timeouts,
    memory: new UploadMemory(options.uploadBudgetBytes),
    cursors: new Cursors(vault.keyring),
    inFlight: new InFlight(),
    counts: new RequestCounts(),
    jobs: new JobCounts(),
    roles: options.roles ?? processRoles,
    restored: options.restored ?? false,
    version: options.version,
  }
  const server = makeServer(door, options.maxConnections)
  await listen(server, options.port, options.host)
  const { port } = server.address() as AddressInfo
  const metrics = await listenForScrapes(door, server, options)
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    port,
    ...(metrics ? { metricsUrl: metrics.url } : {}),
    jobs: door.jobs,
    load: () => loadServed(door.roles),
    stop: () => stop(door, server, metrics),
  }
}

/** One after another, since loading keeps this thread busy: what comes in meanwhile has its turn in between. */
async function loadServed(roles: readonly ProcessRole[]): Promise<void> {
  for (const route of routes) {
    if (!('action' in route) || !isServed(route, roles)) continue
    await route.load()
    await setImmediate()
  }
}

async function listenForScrapes(
  door: Door,
  server: Server,
  options: DoorOptions,
): Promise<MetricsListener | undefined> {
  if (options.metricsPort === undefined) return undefined
  const { openMetrics } = await import('./metrics.ts')
  return await openMetrics(door, () => connectionsOf(server), options.metricsHost ?? '127.0.0.1', options.metricsPort)
}

function makeServer(door: Door, maxConnections: number): Server {
  const { headersMs, requestMs, keepAliveMs } = door.timeouts
  const server = createServer({
    headersTimeout: headersMs,
    // The door cuts slow bodies itself and says so; this one is the last resort, for what it never saw.
    requestTimeout: headersMs + requestMs,
    connectionsCheckingInterval: Math.min(1_000, headersMs),
    keepAliveTimeout: keepAliveMs,
    maxHeaderSize: limits.request.maxHeaderBytes,
    // `framing.ts` asks for it, and answers with a problem.
    requireHostHeader: false,
    insecureHTTPParser: false,
  })
  server.maxHeadersCount = limits.request.maxHeaders + 1
  server.maxConnections = maxConnections
  const app = makeApp(door, routes)
  server.on('request', app)
  // Node would ask for the body of every request at once; the door asks once it wants to read it.
  server.on('checkContinue', app)
  server.on('clientError', (error, socket) => answerClientError(error, socket, door.inFlight.isAnswering(socket)))
  return server
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function connectionsOf(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })
}

/**
 * No new connection, every answer closes its own. A request that came before has until `stopMs` and is then cut off without
 * another byte, so that nothing looks like an end; one that comes after, on a connection that was open, is answered 503.
 */
async function stop(door: Door, server: Server, metrics: MetricsListener | undefined): Promise<void> {
  const { inFlight, timeouts } = door
  inFlight.beginStop()
  const closed = new Promise<void>(resolve => server.close(() => resolve()))
  const force = setTimeout(() => {
    inFlight.abortAll()
    server.closeAllConnections()
  }, timeouts.stopMs)
  // An answer whose head left before the stop kept its connection, which turns idle only now.
  const sweep = setInterval(() => server.closeIdleConnections(), 50)
  await inFlight.quiet()
  server.closeIdleConnections()
  await closed
  clearTimeout(force)
  clearInterval(sweep)
  await metrics?.stop()
}
