import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'
import { codeOf } from '../guards/admit.ts'
import { countFormerKeys, isRotationAsked } from '../guards/former-keys.ts'
import { registerAnswerMetrics } from './answer-metrics.ts'
import type { Door } from './door.ts'
import { failingNow } from './health.ts'
import { createServer } from './node-http.ts'
import { registerPurgeMetrics } from './purge-metrics.ts'

export interface MetricsListener {
  readonly url: string
  stop(): Promise<void>
}

/**
 * `/metrics` on a listener of its own: resident memory, descriptors, event loop, bytes of uploads in flight, open connections,
 * requests by route and status, what jobs came to, what does not answer. Numbers and route patterns only. The library is loaded by the first scrape.
 */
export async function openMetrics(
  door: Door,
  connections: () => Promise<number>,
  host: string,
  port: number,
): Promise<MetricsListener> {
  let registry: Promise<Registry> | undefined
  const server = createServer({ headersTimeout: 5_000, requestTimeout: 5_000 }, (req, res) => {
    if (req.method !== 'GET' || req.url !== '/metrics') {
      res.writeHead(404).end()
      return
    }
    registry ??= makeRegistry(door, connections)
    registry
      .then(async found => {
        const text = await found.metrics()
        res.writeHead(200, { 'Content-Type': found.contentType, 'Cache-Control': 'no-store' }).end(text)
      })
      .catch(() => {
        door.vault.log.error('metrics failed')
        res.writeHead(500).end()
      })
  })
  server.maxConnections = 16
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const { port: chosen } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${chosen}/metrics`,
    stop: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

async function makeRegistry(door: Door, connections: () => Promise<number>): Promise<Registry> {
  const { Counter, Gauge, Registry, collectDefaultMetrics } = await import('prom-client')
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const labelNames = ['method', 'route', 'status'] as const
  new Gauge({
    name: 'vault_upload_bytes_in_flight',
    help: 'Memory reserved for uploads under way.',
    registers,
    collect() {
      this.set(door.memory.usedBytes)
    },
  })
  new Gauge({
    name: 'vault_requests_in_flight',
    help: 'Answers that have not ended.',
    registers,
    collect() {
      this.set(door.inFlight.count)
    },
  })
  new Gauge({
    name: 'vault_open_connections',
    help: 'Open connections of the public listener.',
    registers,
    async collect() {
      this.set(await connections())
    },
  })
  registerAnswerMetrics(Gauge, registers, door.vault)
  registerPurgeMetrics(Gauge, registers, door.vault)
  new Gauge({
    name: 'vault_keys_to_rewrap',
    help: 'Data keys that are not under the active epoch: what a rotation has still to do.',
    labelNames: ['tenant'],
    registers,
    async collect() {
      this.reset()
      for (const tenant of door.vault.tenants.keys()) {
        const count = await countFormerKeys(door.vault, tenant).catch((error: unknown) => {
          door.vault.log.warn('keys to rewrap not counted', { tenant, code: codeOf(error) })
        })
        if (count !== undefined) this.set({ tenant }, count)
      }
    },
  })
  new Gauge({
    name: 'vault_keys_rotation_asked',
    help: '1 while a new wrapping key that two persons asked for has not been made; where KMS keeps the keys an operator makes it.',
    labelNames: ['tenant'],
    registers,
    async collect() {
      this.reset()
      for (const tenant of door.vault.tenants.keys()) {
        const asked = await isRotationAsked(door.vault, tenant).catch((error: unknown) => {
          door.vault.log.warn('asked rotations not counted', { tenant, code: codeOf(error) })
        })
        if (asked !== undefined) this.set({ tenant }, asked ? 1 : 0)
      }
    },
  })
  new Gauge({
    name: 'vault_build_info',
    help: 'Always 1; which version of the vault and of Node.js runs, and what this process is for.',
    labelNames: ['version', 'node', 'roles'],
    registers,
    collect() {
      this.set({ version: door.version, node: process.versions.node, roles: door.roles.join(',') }, 1)
    },
  })
  new Gauge({
    name: 'vault_part_failing',
    help: '1 for each part that this process needs and that does not answer, as in /readyz; no row when all is well.',
    labelNames: ['part'],
    registers,
    async collect() {
      this.reset()
      for (const part of await failingNow(door)) this.set({ part }, 1)
    },
  })
  // Prometheus writes its own name of the scrape over a label `job`.
  new Counter({
    name: 'vault_job_runs_total',
    help: 'Runs of jobs by how they ended; a job whose turn another process had is not counted.',
    labelNames: ['task', 'out'],
    registers,
    collect() {
      this.reset()
      for (const { job, done, failed } of door.jobs.all()) {
        this.inc({ task: job, out: 'done' }, done)
        this.inc({ task: job, out: 'failed' }, failed)
      }
    },
  })
  new Gauge({
    name: 'vault_job_last_done_timestamp_seconds',
    help: 'When a job of this process last ended well, epoch seconds; 0 before the first time.',
    labelNames: ['task'],
    registers,
    collect() {
      this.reset()
      for (const { job, lastDoneAtMs = 0 } of door.jobs.all()) this.set({ task: job }, lastDoneAtMs / 1_000)
    },
  })
  new Counter({
    name: 'vault_requests_total',
    help: 'Requests by route and status.',
    labelNames,
    registers,
    collect() {
      this.reset()
      for (const { method, route, status, count } of door.counts.all()) this.inc({ method, route, status }, count)
    },
  })
  new Counter({
    name: 'vault_request_seconds_total',
    help: 'Time spent on requests by route and status.',
    labelNames,
    registers,
    collect() {
      this.reset()
      for (const { method, route, status, totalMs } of door.counts.all()) {
        this.inc({ method, route, status }, totalMs / 1_000)
      }
    },
  })
  return registry
}
