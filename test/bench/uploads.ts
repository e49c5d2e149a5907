import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { drawLargeAddressProof, drawPhotograph } from '../support/papers.ts'
import { describeSide, Load, type LoadJob, type Measured } from './load.ts'
import type { Options, Row } from './row.ts'
import { type Serving, servePeer, serveVault } from './serving.ts'

const tenant = 'jnetot'

interface Peer {
  readonly name: string
  readonly server: Serving
  readonly atLeast: number | undefined
}

interface Paper {
  readonly bench: string
  readonly name: string
  readonly file: string
  readonly media: 'image/jpeg' | 'application/pdf'
  readonly meta: object
  /** Requests of a round at 1, 4 and 8 connections. */
  readonly requests: Readonly<Record<number, number>>
}

/** `jpeg`: a photograph of 12 megapixels against bare uploaders that do the same image work. */
export async function benchJpeg(options: Options): Promise<readonly Row[]> {
  await using folder = await paperFolder()
  const file = join(folder.path, 'photograph.jpg')
  await writeFile(file, await drawPhotograph(options.quick ? 2 : 12))
  await using careless = await servePeer('uploader', 'careless')
  await using careful = await servePeer('uploader', 'careful')
  const peers = [
    { name: 'careless', server: careless, atLeast: 0.92 },
    { name: 'careful', server: careful, atLeast: undefined },
  ]
  const meta = { type: 'id', kind: 'passport' }
  const requests = options.quick ? { 1: 3, 4: 8, 8: 8 } : { 1: 6, 4: 12, 8: 16 }
  return await benchUpload(
    { bench: 'jpeg', name: '12 MP JPEG', file, media: 'image/jpeg', meta, requests },
    peers,
    options,
  )
}

/** `pdf`: 1 MiB against a bare uploader that checks, hashes and syncs, and beside it one that does none of these. */
export async function benchPdf(options: Options): Promise<readonly Row[]> {
  await using folder = await paperFolder()
  const file = join(folder.path, 'bill.pdf')
  await writeFile(file, drawLargeAddressProof(1024 * 1024))
  await using careful = await servePeer('uploader', 'careful')
  await using careless = await servePeer('uploader', 'careless')
  const peers = [
    { name: 'careful', server: careful, atLeast: 0.7 },
    { name: 'careless', server: careless, atLeast: 0.45 },
  ]
  const meta = { type: 'address', kind: 'utility-bill' }
  const requests = options.quick ? { 1: 20, 4: 40, 8: 40 } : { 1: 80, 4: 160, 8: 200 }
  return await benchUpload(
    { bench: 'pdf', name: '1 MiB PDF', file, media: 'application/pdf', meta, requests },
    peers,
    options,
  )
}

async function benchUpload(paper: Paper, peers: readonly Peer[], options: Options): Promise<readonly Row[]> {
  await using vault = await serveVault()
  await using load = new Load()
  const headers = { authorization: `Bearer ${vault.key(tenant, 'onboarding')}` }
  const jobFor = (server: Serving, connections: number, requests: number): LoadJob => ({
    kind: 'upload',
    connections,
    requests,
    headers,
    url: `${server.url}/v1/subjects/{subject}/documents`,
    file: paper.file,
    media: paper.media,
    meta: paper.meta,
  })
  const servers = [vault, ...peers.map(({ server }) => server)]
  for (const server of servers) await load.run(server, jobFor(server, 8, paper.requests[8] ?? 8))
  const rows: Row[] = []
  for (const [text, requests] of Object.entries(paper.requests)) {
    const connections = Number(text)
    const measured = servers.map((): Measured[] => [])
    for (let round = 0; round < options.rounds; round++) {
      // The order turns, so that nobody always follows the same neighbour.
      for (let i = 0; i < servers.length; i++) {
        const at = (i + round) % servers.length
        const server = servers[at]
        if (server) measured[at]?.push(await load.run(server, jobFor(server, connections, requests)))
      }
      options.progress(`${paper.name}, ${connections} connections, round ${round + 1} of ${options.rounds}`)
    }
    const [own = [], ...others] = measured
    peers.forEach((peer, i) => {
      rows.push(comparedRates(paper, connections, peer, own, others[i] ?? []))
    })
  }
  return rows
}

function comparedRates(
  paper: Paper,
  connections: number,
  { name, atLeast }: Peer,
  own: readonly Measured[],
  theirs: readonly Measured[],
): Row {
  return {
    bench: paper.bench,
    name: `upload ${paper.name}, ${connections} conn. / ${name}`,
    unit: 'x',
    ...(atLeast === undefined ? {} : { ask: { bound: 'at least', value: atLeast } }),
    values: own.map((one, round) => one.perSecond / (theirs[round]?.perSecond ?? Number.NaN)),
    notes: [describeSide('vault', own), describeSide(name, theirs)],
  }
}

async function paperFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'vault-bench-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}
