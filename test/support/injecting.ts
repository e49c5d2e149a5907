import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'

/** An answer that stands in for the server's own. */
export interface Injected {
  readonly status: number
  readonly type: string
  readonly body: string
}

/** A way to a server that answers some requests itself, and counts what each was for. */
export interface Injecting extends AsyncDisposable {
  readonly url: string
  /** Requests by operation, such as `GenerateDataKey` of KMS or `PUT` of S3; repetitions count. */
  readonly counts: ReadonlyMap<string, number>
}

/** As KMS says it. */
export const throttled: Injected = {
  status: 400,
  type: 'application/x-amz-json-1.1',
  body: '{"__type":"ThrottlingException","message":"Rate exceeded"}',
}

const s3Error = (status: number, code: string): Injected => ({
  status,
  type: 'application/xml',
  body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${code}</Message><RequestId>1</RequestId></Error>`,
})

/** As S3 says them. */
export const slowDown = s3Error(503, 'SlowDown')
export const accessDenied = s3Error(403, 'AccessDenied')

/** @param inject asked for each request, numbered from 0; `url` is its path with its query */
export async function injecting(
  server: string,
  inject: (at: number, operation: string, url: string) => Injected | undefined,
): Promise<Injecting> {
  const counts = new Map<string, number>()
  let at = 0
  const proxy = createServer((req, res) => {
    const operation = operationOf(req)
    counts.set(operation, (counts.get(operation) ?? 0) + 1)
    const injected = inject(at++, operation, req.url ?? '')
    if (injected) answer(req, res, injected)
    else pass(server, req, res)
  })
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  const address = proxy.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    counts,
    async [Symbol.asyncDispose]() {
      proxy.closeAllConnections()
      await new Promise(resolve => proxy.close(resolve))
    },
  }
}

function operationOf({ headers, method = '' }: IncomingMessage): string {
  const target = headers['x-amz-target']
  return typeof target === 'string' ? target.replace('TrentService.', '') : method
}

function answer(req: IncomingMessage, res: ServerResponse, { status, type, body }: Injected): void {
  req.resume()
  res.writeHead(status, { 'content-type': type })
  res.end(req.method === 'HEAD' ? undefined : body)
}

/** The host stays as the client signed it. */
function pass(server: string, req: IncomingMessage, res: ServerResponse): void {
  const { hostname, port } = new URL(server)
  const onward = request({ hostname, port, path: req.url, method: req.method, headers: req.headers }, from => {
    res.writeHead(from.statusCode ?? 502, from.headers)
    from.pipe(res)
  })
  onward.on('error', () => res.destroy())
  req.pipe(onward)
}
