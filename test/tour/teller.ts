import { styleText } from 'node:util'

/** Something was not as the tour says: it ends there. */
export class Surprise extends Error {}

export interface Request {
  /** In plain words, what is done and by whom. */
  readonly say: string
  readonly key: string
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly json?: unknown
  readonly form?: { readonly meta: unknown; readonly file: Buffer; readonly name: string }
  readonly expect: number
  /** The code a refusal must carry. */
  readonly code?: string
}

export interface Answer {
  readonly requestId: string
  readonly headers: Headers
  readonly bytes: Buffer
  /** The parsed body; undefined for a paper. */
  readonly json: unknown
}

const longestShown = 320

/** Asks over real HTTP and tells each request and answer in plain words; colours only where a person watches. */
export class Teller {
  readonly #url: string
  #told = 0

  constructor(url: string) {
    this.#url = url
  }

  async ask(request: Request): Promise<Answer> {
    const { say, method = 'GET', path } = request
    this.say(`${++this.#told}. ${say}`, 'bold')
    this.say(`   ${method} ${path}${headersInWords(request)}`, 'cyan')
    const response = await fetch(`${this.#url}${path}`, requestOf(request))
    const bytes = Buffer.from(await response.arrayBuffer())
    const isJson = /[/+]json\b/.test(response.headers.get('content-type') ?? '')
    const json: unknown = isJson ? JSON.parse(bytes.toString('utf8')) : undefined
    const shown = isJson ? inWords(json) : `${bytes.length} bytes of ${response.headers.get('content-type')}`
    this.say(`   ${response.status} ${response.statusText}: ${shown}`, response.ok ? 'green' : 'yellow')
    judge(request, response.status, json)
    return { requestId: response.headers.get('vault-request-id') ?? '', headers: response.headers, bytes, json }
  }

  say(text: string, style?: 'bold' | 'cyan' | 'green' | 'yellow' | 'red'): void {
    const isWatched = process.stdout.isTTY && process.env.NO_COLOR === undefined
    process.stdout.write(`${style && isWatched ? styleText(style, text) : text}\n`)
  }
}

/** Ends the tour unless `holds`. */
export function expect(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Surprise(what)
}

function judge({ expect: expected, code }: Request, status: number, json: unknown): void {
  expect(status === expected, `the answer should have been ${expected}, and was ${status}`)
  if (code === undefined) return
  const found = typeof json === 'object' && json !== null && 'code' in json ? json.code : undefined
  expect(found === code, `the refusal should have been ${code}, and was ${String(found)}`)
}

function requestOf({ key, method = 'GET', headers, json, form }: Request): RequestInit {
  const all = { Authorization: `Bearer ${key}`, ...headers }
  if (json !== undefined) {
    return { method, headers: { ...all, 'Content-Type': 'application/json' }, body: JSON.stringify(json) }
  }
  if (!form) return { method, headers: all }
  const body = new FormData()
  body.append('meta', JSON.stringify(form.meta))
  body.append('file', new Blob([new Uint8Array(form.file)]), form.name)
  return { method, headers: all, body }
}

/** The credential is named by role in the sentence above, never printed. */
function headersInWords({ headers = {}, json, form }: Request): string {
  const named = Object.entries(headers).map(([name, value]) => `\n   ${name}: ${value}`)
  const body = json === undefined ? '' : `\n   ${JSON.stringify(json)}`
  const parts =
    form === undefined
      ? ''
      : `\n   meta: ${JSON.stringify(form.meta)}\n   file: ${form.name}, ${form.file.length} bytes`
  return `${named.join('')}${body}${parts}`
}

/** A refusal by its code and what it says; anything else as it came, cut where it grows long. */
function inWords(json: unknown): string {
  if (typeof json === 'object' && json !== null && 'code' in json && 'detail' in json) {
    return `${String(json.code)}. ${String(json.detail)}`
  }
  const text = JSON.stringify(json)
  return text.length > longestShown ? `${text.slice(0, longestShown)}…` : text
}
