import { createHash, randomBytes, randomInt } from 'node:crypto'
import { paper } from '../support/call.ts'
import { drawAddressProof } from '../support/papers.ts'

/** What clients do for as long as the run lasts, and what they hold the cluster to afterwards. */
export interface Load {
  /** Where an instance listens; changes as instances come and go. */
  readonly urls: string[]
  readonly keys: { readonly onboarding: string; readonly senior: string }
  readonly untilMs: number
  readonly kept: Kept[]
  readonly counts: Map<string, number>
  readonly violations: string[]
}

/** A paper that was acknowledged with 201. */
export interface Kept {
  readonly id: string
  readonly sha256: string
  readonly sizeBytes: number
  /** The key that reads it, where it is another tenant's. */
  readonly senior?: string
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
}

export const bill = drawAddressProof()
export const why = { 'Vault-Purpose': 'kyc', 'Vault-Case': 'CASE-1' }
export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const idOf = ({ bytes }: Answer): string => String((JSON.parse(bytes.toString()) as { readonly id: string }).id)

/** One client: a new person, a paper, then looks at what was kept; every request to an instance of its own choice. */
export async function client(load: Load): Promise<void> {
  while (Date.now() < load.untilMs) {
    const subject = `p-${randomBytes(8).toString('hex')}`
    // A repetition is the very same request: the first may have had its effect without an answer.
    const event = JSON.stringify({ type: 'tier', at: new Date().toISOString(), tier: 2 })
    const told = await keepAsking(load, 'tier', `/v1/subjects/${subject}/events`, 'tier', () => event)
    if (!told) return
    const path = `/v1/subjects/${subject}/documents`
    const meta = { type: 'address', kind: 'utility-bill' }
    const raced = await race(load, path, () => paper(meta, bill))
    const stored = await keepAsking(load, 'upload', path, 'one', () => paper(meta, bill))
    if (!stored) return
    if (raced.some(id => id !== idOf(stored))) load.violations.push('an idempotency key had two effects at once')
    load.kept.push({ id: idOf(stored), sha256: sha256(bill), sizeBytes: bill.length })
    const replayed = await keepAsking(load, 'replay', path, 'one', () => paper(meta, bill))
    if (replayed && (idOf(replayed) !== idOf(stored) || replayed.headers.get('idempotent-replayed') !== 'true')) {
      load.violations.push('an idempotency key had two effects')
    }
    await look(load)
  }
}

/** The same request with the same key to two instances at once. @returns the papers that were acknowledged */
async function race(load: Load, path: string, body: () => FormData): Promise<readonly string[]> {
  const [one, two] = load.urls.toSorted(() => Math.random() - 0.5)
  if (one === undefined || two === undefined) return []
  const headers = { Authorization: `Bearer ${load.keys.onboarding}`, 'Idempotency-Key': 'one' }
  const answers = await Promise.all(
    [one, two].map(url => send(`${url}${path}`, { method: 'POST', headers, body: body() }).catch(() => undefined)),
  )
  const statuses = answers.map(answer => String(answer?.status ?? 'broken')).toSorted()
  count(load, `race ${statuses.join('+')}`)
  for (const answer of answers) {
    if (answer && ![201, 409, 429, 503].includes(answer.status)) load.violations.push(`a racer got ${answer.status}`)
  }
  return answers.flatMap(answer => (answer?.status === 201 ? [idOf(answer)] : []))
}

/** One of the kept papers, by any instance; a failure is allowed while something is down, a wrong byte never. */
async function look(load: Load): Promise<void> {
  const one = load.kept[randomInt(load.kept.length)]
  const url = load.urls[randomInt(load.urls.length)]
  if (!one || url === undefined) return
  const answer = await read(load, url, one).catch(() => undefined)
  count(load, `look ${answer?.status ?? 'broken'}`)
}

/** Reads a paper by one instance and compares it; other statuses than 200 and 503 are violations. */
export async function read(load: Load, url: string, { id, sha256: expected, senior }: Kept): Promise<Answer> {
  const headers = { Authorization: `Bearer ${senior ?? load.keys.senior}`, ...why }
  const answer = await send(`${url}/v1/documents/${id}/content`, { headers })
  if (answer.status === 200 && sha256(answer.bytes) !== expected) load.violations.push('a paper reads differently')
  if (![200, 503].includes(answer.status)) load.violations.push(`a kept paper answers ${answer.status}`)
  return answer
}

/** The same request, to one instance after another, until it is done or the run is over. */
async function keepAsking(
  load: Load,
  what: string,
  path: string,
  idempotency: string,
  body: () => string | FormData,
): Promise<Answer | undefined> {
  while (Date.now() < load.untilMs) {
    const url = load.urls[randomInt(load.urls.length)] ?? ''
    const content = body()
    const headers = {
      Authorization: `Bearer ${load.keys.onboarding}`,
      'Idempotency-Key': idempotency,
      ...(typeof content === 'string' ? { 'Content-Type': 'application/json' } : {}),
    }
    const answer = await send(`${url}${path}`, { method: 'POST', headers, body: content }).catch(() => undefined)
    count(load, `${what} ${answer?.status ?? 'broken'}`)
    if (answer && answer.status < 300) return answer
    if (answer && ![409, 429, 503].includes(answer.status)) {
      load.violations.push(`${what} answers ${answer.status}: ${answer.bytes.toString().slice(0, 300)}`)
      return undefined
    }
    await new Promise(resolve => setTimeout(resolve, 20 + randomInt(200)))
  }
  return undefined
}

/** One request, given up after 30 s. */
export async function send(url: string, init: RequestInit): Promise<Answer> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(30_000) })
  return { status: response.status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) }
}

function count({ counts }: Load, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1)
}
