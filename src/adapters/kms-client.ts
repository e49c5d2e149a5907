import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { KMSClient } from '@aws-sdk/client-kms'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { VaultError } from '../domain/errors.ts'

export interface KmsPlace {
  readonly region: string
  /** Of a server other than AWS; AWS itself when absent. */
  readonly endpoint?: string
  /** Found as the AWS SDK finds them (role, profile, environment) when absent. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

/** All of one call, its repetitions included; the answer to a client has 3 s. */
const callWithinMs = 2_500
const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

/** One call and at most three repetitions, each after a random part of a growing pause. */
export function newKmsClient({ region, endpoint, credentials }: KmsPlace): KMSClient {
  const agents = { keepAlive: true, maxSockets: 50 }
  return new KMSClient({
    region,
    maxAttempts: 4,
    retryMode: 'standard',
    // Its lines go to the console and quote what was sent; what matters reaches the vault's own log as the cause of an error.
    logger: silent,
    requestHandler: new NodeHttpHandler({
      httpAgent: new HttpAgent(agents),
      httpsAgent: new HttpsAgent(agents),
      connectionTimeout: 1_000,
      requestTimeout: callWithinMs,
      throwOnRequestTimeout: true,
      logger: silent,
    }),
    ...(credentials ? { credentials } : {}),
    ...(endpoint === undefined ? {} : { endpoint }),
  })
}

/** What a service says of a wrapped key that will never open under the key and context it was shown with. */
const never = new Set([
  'InvalidCiphertextException',
  'IncorrectKeyException',
  'InvalidKeyUsageException',
  'NotFoundException',
])

/**
 * Asks KMS once, repetitions included, for at most 2.5 s.
 *
 * @throws {VaultError} keys.refused - the wrapped key does not open under this key and context
 * @throws {VaultError} keys.unavailable - anything else: no answer, throttled, no right, a key that is disabled
 */
export async function askKms<Answer>(
  call: (options: { abortSignal: AbortSignal }) => Promise<Answer>,
): Promise<Answer> {
  try {
    return await call({ abortSignal: AbortSignal.timeout(callWithinMs) })
  } catch (error) {
    const isRefusal = error instanceof Error && never.has(error.name)
    throw new VaultError(isRefusal ? 'keys.refused' : 'keys.unavailable', {}, error)
  }
}

/** The bytes in a buffer of their own; what the client gave shares a pool with others and is wiped. */
export function ownKey(plaintext: Uint8Array | undefined): Uint8Array {
  if (plaintext === undefined) throw new VaultError('keys.unavailable')
  const own = new Uint8Array(plaintext)
  plaintext.fill(0)
  if (own.byteLength === 32) return own
  own.fill(0)
  throw new VaultError('keys.refused')
}
