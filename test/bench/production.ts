import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { kmsNeeds } from '../support/kms-keys.ts'
import { mongoNeeds } from '../support/mongo-database.ts'
import { drawLargeAddressProof } from '../support/papers.ts'
import { productionPlace } from '../support/production-place.ts'
import { prepare } from '../support/production-site.ts'
import { s3Needs } from '../support/s3-bucket.ts'
import { describeSide, Load, type LoadJob, type Measured } from './load.ts'
import type { Options, Row } from './row.ts'
import { costOf, describeServers, type ServerCost, serversAt } from './server-cpu.ts'
import { type Serving, servePeer, serveProduction } from './serving.ts'

const tenant = 'jnetot'
const sizeBytes = 1024 * 1024
const papers = 8
const connectionsOf = [1, 8] as const

/** What one side took under one job, and what it took of the servers that both stand on. */
interface Round extends Measured {
  readonly servers: ServerCost
}

interface Side {
  readonly server: Serving
  readonly headers: Readonly<Record<string, string>>
}

/**
 * `production`: one instance on MongoDB, S3 and KMS against a bare uploader on the same S3 with the same client, 1 MiB of PDF.
 * The servers run on this machine too, so every figure of time has their work in it: beside it stands the processor time of the
 * two instances, and what each server took for a request.
 */
export async function benchProduction(options: Options): Promise<readonly Row[]> {
  await using place = await productionPlace()
  const key = await prepare(place)
  // Straight to the servers: the ways that tests can cut have work of their own.
  const direct = { VAULT_S3_ENDPOINT: s3Needs.endpoint, VAULT_KMS_ENDPOINT: kmsNeeds.endpoint }
  await using vault = await serveProduction({ ...place.settings, ...direct })
  const { accessKeyId, secretAccessKey } = s3Needs.credentials
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey })
  await using bare = await servePeer('s3-uploader', s3Needs.endpoint, s3Needs.region, place.bucket.bucket)
  await using load = new Load()
  const file = join(place.folder, 'bill.pdf')
  const paper = drawLargeAddressProof(sizeBytes)
  await writeFile(file, paper)
  const own = { server: vault, headers: { authorization: `Bearer ${await key(tenant, 'onboarding')}` } }
  const reading = {
    authorization: `Bearer ${await key(tenant, 'senior-reviewer')}`,
    'vault-purpose': 'kyc',
    'vault-case': 'BENCH-1',
  }
  const sides = [own, { server: bare, headers: {} }] as const
  const uploads = ({ server, headers }: Side, connections: number, requests: number): LoadJob => ({
    kind: 'upload',
    connections,
    requests,
    headers,
    url: `${server.url}/v1/subjects/{subject}/documents`,
    file,
    media: 'application/pdf',
    meta: { type: 'address', kind: 'utility-bill' },
  })
  const [ours, theirs] = await Promise.all(sides.map(side => Promise.all(urlsOn(side, paper))))
  const reads = ({ server }: Side, connections: number, requests: number): LoadJob => ({
    kind: 'read',
    connections,
    requests,
    headers: server === vault ? reading : {},
    urls: (server === vault ? ours : theirs) ?? [],
    sizeBytes: paper.length,
  })
  const portOf = (url: string): number => Number(new URL(url).port)
  const servers = serversAt({
    MongoDB: [...mongoNeeds.value.matchAll(/:(\d+)(?=[,/])/g)].map(([, port]) => Number(port)),
    S3: [portOf(s3Needs.endpoint)],
    KMS: [portOf(kmsNeeds.endpoint)],
  })
  const rows: Row[] = []
  for (const [what, jobOf] of [
    ['upload', uploads],
    ['read', reads],
  ] as const) {
    for (const side of sides) await load.run(side.server, jobOf(side, 8, 24))
    for (const connections of connectionsOf) {
      const requests = (options.quick ? 3 : 12) * (connections + 4)
      const measured: readonly [Round[], Round[]] = [[], []]
      for (let round = 0; round < options.rounds; round++) {
        for (const at of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
          const side = sides[at]
          const run = () => load.run(side.server, jobOf(side, connections, requests))
          const [one, cost] = await costOf(servers, requests, run)
          measured[at].push({ ...one, servers: cost })
        }
        options.progress(`production ${what}, ${connections} connections, round ${round + 1} of ${options.rounds}`)
      }
      rows.push(...rowsOf(what, connections, ...measured))
    }
  }
  return rows
}

/** How many times as long, where 1.3 at most is asked of uploads at 8 connections, and how many times the processor time. */
function rowsOf(what: string, connections: number, own: readonly Round[], bare: readonly Round[]): readonly Row[] {
  const ratio = (of: (vault: Round, peer: Round) => number): number[] =>
    own.map((one, round) => {
      const peer = bare[round]
      return peer ? of(one, peer) : Number.NaN
    })
  const name = `${what} 1 MiB PDF, S3, ${connections} conn. / bare`
  const time: Row = {
    bench: 'production',
    name: `${name}, time`,
    unit: 'x',
    ...(what === 'upload' && connections === 8 ? { ask: { bound: 'at most', value: 1.3 } } : {}),
    values: ratio((vault, peer) => peer.perSecond / vault.perSecond),
    notes: [
      describeSide('vault', own),
      `servers a request: ${describeServers(own.map(({ servers }) => servers))}`,
      describeSide('bare', bare),
      `servers a request: ${describeServers(bare.map(({ servers }) => servers))}`,
    ],
  }
  const cpu: Row = {
    bench: 'production',
    name: `${name}, CPU of the instance`,
    unit: 'x',
    values: ratio((vault, peer) => vault.cpuMsPerRequest / peer.cpuMsPerRequest),
    notes: [],
  }
  return [time, cpu]
}

/** @returns URLs of papers to read */
function urlsOn({ server, headers }: Side, paper: Buffer): Promise<string>[] {
  return Array.from({ length: papers }, async (_, at) => {
    const form = new FormData()
    form.set('meta', JSON.stringify({ type: 'address', kind: 'utility-bill' }))
    form.set('file', new Blob([new Uint8Array(paper)], { type: 'application/pdf' }), 'paper.pdf')
    const answer = await fetch(`${server.url}/v1/subjects/reader-${at}/documents`, {
      method: 'POST',
      headers: { ...headers, 'idempotency-key': `reader-${at}` },
      body: form,
    })
    if (answer.status !== 201) throw new Error(`a deposit was answered with ${answer.status}`)
    const { id } = (await answer.json()) as { readonly id: string }
    return `${server.url}/v1/documents/${id}/content`
  })
}
