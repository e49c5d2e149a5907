import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { drawLargeAddressProof } from '../support/papers.ts'
import { describeSide, Load, type LoadJob, type Measured } from './load.ts'
import { median, type Options, type Row, shown } from './row.ts'
import { type ServingVault, servePeer, serveVault } from './serving.ts'

const tenant = 'jnetot'
const sizeBytes = 3 * 1024 * 1024
const papers = 8

/** What is asked at each number of connections: throughput, and how late the first byte may come. */
const asks = [
  { connections: 1, requests: 150, throughput: 0.75 },
  { connections: 8, requests: 400, throughput: 0.7 },
  { connections: 32, requests: 600, throughput: 0.65 },
] as const

/** `read`: 3 MiB, decrypted and on record, against `express.static`; and when the first byte comes. */
export async function benchRead({ rounds, quick, progress }: Options): Promise<readonly Row[]> {
  await using vault = await serveVault()
  await using peer = await servePeer('static-files')
  await using load = new Load()
  const paper = drawLargeAddressProof(sizeBytes)
  await writeFile(join(peer.folder, 'paper.pdf'), paper)
  const urls = await Promise.all(Array.from({ length: papers }, (_, i) => deposit(vault, paper, `reader-${i}`)))
  const headers = {
    authorization: `Bearer ${vault.key(tenant, 'senior-reviewer')}`,
    'vault-purpose': 'kyc',
    'vault-case': 'BENCH-1',
  }
  const own: LoadJob = { kind: 'read', connections: 1, requests: 0, headers, urls, sizeBytes: paper.length }
  const theirs: LoadJob = { ...own, headers: {}, urls: [`${peer.url}/paper.pdf`] }
  await load.run(vault, { ...own, connections: 8, requests: 100 })
  await load.run(peer, { ...theirs, connections: 8, requests: 100 })
  const rows: Row[] = []
  for (const { connections, requests: all, throughput } of asks) {
    const requests = quick ? Math.ceil(all / 5) : all
    const [vaultRounds, peerRounds]: [Measured[], Measured[]] = [[], []]
    for (let round = 0; round < rounds; round++) {
      const ours = async () => vaultRounds.push(await load.run(vault, { ...own, connections, requests }))
      const others = async () => peerRounds.push(await load.run(peer, { ...theirs, connections, requests }))
      for (const turn of round % 2 === 0 ? [ours, others] : [others, ours]) await turn()
      progress(`read, ${connections} connections, round ${round + 1} of ${rounds}`)
    }
    rows.push(...rowsOf(connections, throughput, vaultRounds, peerRounds))
  }
  return rows
}

function rowsOf(connections: number, throughput: number, own: readonly Measured[], theirs: readonly Measured[]): Row[] {
  const perRound = (value: (ours: Measured, other: Measured) => number): number[] =>
    own.flatMap((one, round) => {
      const other = theirs[round]
      return other ? [value(one, other)] : []
    })
  const late = connections === 1
  const first = (rounds: readonly Measured[]) => `${shown(median(rounds.map(one => one.firstByteMs)))} ms`
  return [
    {
      bench: 'read',
      name: `read 3 MiB, ${connections} conn. / express.static`,
      unit: 'x',
      ask: { bound: 'at least', value: throughput },
      values: perRound((one, other) => one.perSecond / other.perSecond),
      notes: [describeSide('vault', own), describeSide('static', theirs)],
    },
    {
      bench: 'read',
      name: `first byte, ${connections} conn., ${late ? 'later than' : '/'} express.static`,
      unit: late ? 'ms' : 'x',
      ask: { bound: 'at most', value: late ? 1 : 1.75 },
      values: perRound((one, other) =>
        late ? one.firstByteMs - other.firstByteMs : one.firstByteMs / other.firstByteMs,
      ),
      notes: [`vault ${first(own)}`, `static ${first(theirs)}`],
    },
  ]
}

/** @returns the URL of its original */
async function deposit(vault: ServingVault, paper: Buffer, subject: string): Promise<string> {
  const form = new FormData()
  form.set('meta', JSON.stringify({ type: 'address', kind: 'utility-bill' }))
  form.set('file', new Blob([new Uint8Array(paper)], { type: 'application/pdf' }), 'paper.pdf')
  const answer = await fetch(`${vault.url}/v1/subjects/${subject}/documents`, {
    method: 'POST',
    headers: { authorization: `Bearer ${vault.key(tenant, 'onboarding')}`, 'idempotency-key': subject },
    body: form,
  })
  if (answer.status !== 201) throw new Error(`a deposit was answered with ${answer.status}`)
  const { id } = (await answer.json()) as { readonly id: string }
  return `${vault.url}/v1/documents/${id}/content`
}
