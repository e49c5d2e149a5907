import { generateKeyPairSync, type KeyObject, randomUUID, sign as signBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { JWK } from 'jose'

/** How the issuer answers whoever asks for its keys. */
export type IssuerMood =
  | 'good'
  | 'down'
  | 'failing'
  | 'slow'
  | 'dripping'
  | 'huge'
  | 'redirecting'
  | 'a page'
  | 'no set'

export interface SigningKey {
  readonly keyId: string
  readonly algorithm: string
  readonly secret: KeyObject
  readonly published: JWK
}

/** A real issuer of tokens on a free port of this machine: it publishes a key set and signs. */
export interface LocalIssuer extends AsyncDisposable {
  /** What `iss` says. */
  readonly url: string
  readonly keysUrl: string
  mood: IssuerMood
  /** How often its keys were asked for. */
  asked: number
  /** What it publishes; the first one signs. */
  keys: readonly SigningKey[]
  /** Published beside those, as it is. */
  extra: readonly unknown[]
  /** A token as it should be, but for what is said. */
  token(claims?: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>): string
}

export const audience = 'kyc-vault'

/** @param tls its key and certificate; plain HTTP without */
export async function openIssuer(
  nowMs: () => number = Date.now,
  tls?: { readonly key: string; readonly cert: string },
): Promise<LocalIssuer> {
  const serve: RequestListener = (_req, res) => {
    issuer.asked++
    answer(issuer, res)
  }
  const server = tls ? createTlsServer(tls, serve) : createServer(serve)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `${tls ? 'https' : 'http'}://127.0.0.1:${port}/realm`
  const issuer: LocalIssuer = {
    url,
    keysUrl: `${url}/keys`,
    mood: 'good',
    asked: 0,
    keys: [newSigningKey('ES256')],
    extra: [],
    token: (claims = {}, header = {}) => {
      const [key] = issuer.keys
      if (!key) throw new Error('the issuer has no key')
      const iat = Math.floor(nowMs() / 1_000)
      const standard = { iss: url, aud: audience, sub: 'p-1', jti: randomUUID(), iat, exp: iat + 600 }
      return signedToken(key, { typ: 'at+jwt', kid: key.keyId, ...header }, { ...standard, ...claims })
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return issuer
}

export function newSigningKey(
  algorithm: 'ES256' | 'RS256',
  keyId: string = randomUUID(),
  modulusLength = 2_048,
): SigningKey {
  const { privateKey, publicKey } =
    algorithm === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength })
  const published = { ...publicKey.export({ format: 'jwk' }), kid: keyId, alg: algorithm, use: 'sig' } as JWK
  return { keyId, algorithm, secret: privateKey, published }
}

/** `header.payload.signature` of exactly these objects; members that are undefined are left out. */
export function signedToken(key: SigningKey, header: object, payload: object): string {
  return signedText(key, JSON.stringify({ alg: key.algorithm, ...header }), JSON.stringify(payload))
}

/** The same of texts, which need not be JSON that any writer would write. */
export function signedText(key: SigningKey, header: string | Uint8Array, payload: string | Uint8Array): string {
  const input = `${base64url(header)}.${base64url(payload)}`
  const options = key.algorithm === 'ES256' ? { key: key.secret, dsaEncoding: 'ieee-p1363' as const } : key.secret
  return `${input}.${signBytes('sha256', Buffer.from(input), options).toString('base64url')}`
}

export const base64url = (bytes: string | Uint8Array): string => Buffer.from(bytes).toString('base64url')

function answer({ mood, keys, extra, keysUrl }: LocalIssuer, res: ServerResponse): void {
  const set = JSON.stringify({ keys: [...keys.map(({ published }) => published), ...extra] })
  switch (mood) {
    case 'good':
      res.setHeader('Content-Type', 'application/jwk-set+json')
      return void res.end(set)
    case 'down':
      return void res.destroy()
    case 'failing':
      return void res.writeHead(500).end(set)
    case 'slow':
      return
    case 'dripping':
      res.writeHead(200)
      return void res.write(set.slice(0, 20))
    case 'huge':
      return void res.end(set.slice(0, -1) + ' '.repeat(1024 * 1024) + set.slice(-1))
    case 'redirecting':
      return void res.writeHead(302, { Location: `${keysUrl}/elsewhere` }).end(set)
    case 'a page':
      return void res.end('<html></html>')
    case 'no set':
      return void res.end('{"keys":{}}')
  }
}
