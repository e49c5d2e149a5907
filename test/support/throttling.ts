import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'

/** A way to KMS that answers some requests with a throttle in its stead, and counts what each was for. */
export interface Throttling extends AsyncDisposable {
  readonly url: string
  /** Requests by operation, such as `GenerateDataKey`; repetitions count. */
  readonly counts: ReadonlyMap<string, number>
}

/** @param isThrottled asked for each request, numbered from 0 */
export async function throttling(server: string, isThrottled: (at: number) => boolean): Promise<Throttling> {
  const counts = new Map<string, number>()
  let at = 0
  const proxy = createServer((req, res) => {
    const operation = String(req.headers['x-amz-target']).replace('TrentService.', '')
    counts.set(operation, (counts.get(operation) ?? 0) + 1)
    if (isThrottled(at++)) refuse(req, res)
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

function refuse(req: IncomingMessage, res: ServerResponse): void {
  req.resume()
  res.writeHead(400, { 'content-type': 'application/x-amz-json-1.1' })
  res.end('{"__type":"ThrottlingException","message":"Rate exceeded"}')
}

function pass(server: string, req: IncomingMessage, res: ServerResponse): void {
  const { host, hostname, port } = new URL(server)
  const headers = { ...req.headers, host }
  const onward = request({ hostname, port, path: req.url, method: req.method, headers }, answer => {
    res.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(res)
  })
  onward.on('error', () => res.destroy())
  req.pipe(onward)
}
