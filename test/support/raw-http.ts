import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** One answer as it stood on the wire. */
export interface RawAnswer {
  /** 0 when the connection ended without one. */
  readonly status: number
  readonly head: string
  readonly body: string
}

/** Opens a connection of its own; what comes in is kept in `received`. */
export async function rawConnection(url: string): Promise<{ socket: Socket; received: () => string }> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const chunks: Uint8Array[] = []
  socket.on('data', (chunk: Uint8Array) => chunks.push(chunk))
  // A connection that is cut off is an answer too; each test looks at what came before.
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return { socket, received: () => Buffer.concat(chunks).toString('latin1') }
}

/** Resolves when the connection is closed, also by a reset, on which `once` of node:events would reject. */
export function closed(socket: Socket): Promise<void> {
  return new Promise(resolve => {
    socket.once('close', () => resolve())
  })
}

/** Writes `pieces` as they are, waits until the vault ends the connection, and gives every answer that came. */
export async function rawAnswers(url: string, pieces: readonly (string | Buffer)[]): Promise<readonly RawAnswer[]> {
  const { socket, received } = await rawConnection(url)
  const ended = closed(socket)
  for (const piece of pieces) socket.write(piece)
  await ended
  return parseAnswers(received())
}

export async function rawAnswer(url: string, ...pieces: (string | Buffer)[]): Promise<RawAnswer> {
  const [first = { status: 0, head: '', body: '' }] = await rawAnswers(url, pieces)
  return first
}

/** Splits by Content-Length; interim 100 answers are left out. */
export function parseAnswers(text: string): readonly RawAnswer[] {
  const answers: RawAnswer[] = []
  let rest = text
  while (rest.startsWith('HTTP/1.1 ')) {
    const end = rest.indexOf('\r\n\r\n')
    const head = rest.slice(0, end)
    const status = Number(head.slice(9, 12))
    const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0)
    if (status !== 100) answers.push({ status, head, body: rest.slice(end + 4, end + 4 + length) })
    rest = rest.slice(end + 4 + (status === 100 ? 0 : length))
  }
  return answers
}

export function codeOf(answer: RawAnswer): string {
  return answer.body === '' ? '' : (JSON.parse(answer.body) as { code: string }).code
}
