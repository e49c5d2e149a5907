import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import type { LoadJob, LoadResult } from './load.ts'

/** The program of the process that makes the load (load.ts starts it): one job after the other, each a closed loop. */
const files = new Map<string, Buffer>()
const agents = new Map<number, Agent>()
let varied = 0

process.on('message', (job: LoadJob) => {
  run(job).then(
    result => process.send?.(result),
    (error: unknown) => process.send?.({ failed: String(error) }),
  )
})

async function run(job: LoadJob): Promise<LoadResult> {
  const agent = agents.get(job.connections) ?? new Agent({ keepAlive: true, maxSockets: job.connections })
  agents.set(job.connections, agent)
  const totalMs: number[] = []
  const firstByteMs: number[] = []
  let left = job.requests
  const worker = async (): Promise<void> => {
    // Papers of one person at a time: subjects are never shared by two connections, and have at most ten papers each.
    for (let sent = 0, subject = ''; left-- > 0; sent++) {
      if (sent % 10 === 0) subject = randomUUID()
      const startedMs = performance.now()
      const first = await (job.kind === 'read' ? read(job, agent) : upload(job, agent, subject))
      totalMs.push(performance.now() - startedMs)
      firstByteMs.push(first - startedMs)
    }
  }
  const startedMs = performance.now()
  await Promise.all(Array.from({ length: job.connections }, worker))
  return { elapsedMs: performance.now() - startedMs, totalMs, firstByteMs }
}

/** @returns when the first byte of the body came */
function read({ urls, headers, sizeBytes }: Extract<LoadJob, { kind: 'read' }>, agent: Agent): Promise<number> {
  const url = urls[varied++ % urls.length] ?? ''
  return new Promise((resolve, reject) => {
    request(url, { agent, headers }, res => void take(res, 200, sizeBytes).then(resolve, reject))
      .once('error', reject)
      .end()
  })
}

function upload(job: Extract<LoadJob, { kind: 'upload' }>, agent: Agent, subject: string): Promise<number> {
  const parts = [
    Buffer.from(headOf(job)),
    ...variant(fileAt(job.file), job.media),
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return new Promise((resolve, reject) => {
    const options = {
      agent,
      method: 'POST',
      headers: {
        ...job.headers,
        'Idempotency-Key': randomUUID(),
        'Content-Type': `multipart/form-data; boundary=${boundary}`,
        'Content-Length': length,
      },
    }
    const req = request(
      job.url.replace('{subject}', subject),
      options,
      res => void take(res, 201).then(resolve, reject),
    )
    req.once('error', reject)
    req.cork()
    for (const part of parts) req.write(part)
    req.uncork()
    req.end()
  })
}

const boundary = 'vault-bench-7d1f3c'

const headOf = ({ meta, media }: Extract<LoadJob, { kind: 'upload' }>): string =>
  `--${boundary}\r\nContent-Disposition: form-data; name="meta"\r\n\r\n${JSON.stringify(meta)}\r\n` +
  `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="paper"\r\nContent-Type: ${media}\r\n\r\n`

/** The same paper with other bytes: a comment segment in a JPEG, the four bytes of the binary mark in a PDF's second line. */
function variant(file: Buffer, media: string): readonly Buffer[] {
  const number = ++varied
  if (media === 'image/jpeg') {
    const comment = Buffer.alloc(12, 0x20)
    comment.writeUInt32BE(0xfffe_000a)
    comment.writeUInt32BE(number, 8)
    return [file.subarray(0, 2), comment, file.subarray(2)]
  }
  const mark = Buffer.from([21, 14, 7, 0].map(shift => 0x80 | ((number >> shift) & 0x7f)))
  return [file.subarray(0, 10), mark, file.subarray(14)]
}

function fileAt(path: string): Buffer {
  const known = files.get(path) ?? readFileSync(path)
  files.set(path, known)
  return known
}

async function take(res: IncomingMessage, status: number, sizeBytes?: number): Promise<number> {
  let first: number | undefined
  let taken = 0
  for await (const chunk of res) {
    first ??= performance.now()
    taken += (chunk as Buffer).length
  }
  if (res.statusCode !== status) throw new Error(`answered ${res.statusCode}`)
  if (sizeBytes !== undefined && taken !== sizeBytes) throw new Error(`${taken} bytes`)
  return first ?? performance.now()
}
