import { assertDescribed } from './described.ts'

export interface CallOptions {
  readonly key?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly json?: unknown
  readonly body?: RequestInit['body']
}

export interface CallAnswer {
  readonly status: number
  readonly headers: Headers
  /** Of a JSON answer; an empty object otherwise. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape; the shape itself is judged by the OpenAPI document.
  readonly json: any
  readonly bytes: Buffer
}

/** One request by fetch; whatever comes back must be as the OpenAPI document describes it. */
export async function call(url: string, method: string, path: string, options: CallOptions = {}): Promise<CallAnswer> {
  const { key, headers = {}, json, body } = options
  const response = await fetch(`${url}${path}`, {
    method,
    redirect: 'error',
    headers: {
      ...(key === undefined ? {} : { Authorization: `Bearer ${key}` }),
      ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...headers,
    },
    ...(json === undefined ? {} : { body: typeof json === 'string' ? json : JSON.stringify(json) }),
    ...(body === undefined ? {} : { body }),
  })
  const bytes = Buffer.from(await response.arrayBuffer())
  const media = response.headers.get('content-type') ?? ''
  const isJson = media.endsWith('json')
  const text = isJson || bytes.length === 0 ? bytes.toString() : undefined
  await assertDescribed(method, path, { status: response.status, media, body: text })
  return { status: response.status, headers: response.headers, json: isJson && text ? JSON.parse(text) : {}, bytes }
}

/** A multipart upload as clients make it: `meta` first, then `file`. */
export function paper(meta: unknown, file: Uint8Array, fileName = 'paper.bin'): FormData {
  const form = new FormData()
  form.append('meta', JSON.stringify(meta))
  form.append('file', new Blob([new Uint8Array(file)]), fileName)
  return form
}
