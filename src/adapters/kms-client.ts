import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
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
const callWithinMs = 2_300
/** A connection that died in silence shall leave time for another one. */
const attemptWithinMs = 1_100
const firstPauseMs = 25
const longestPauseMs = 400
const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

/** A client that repeats nothing by itself: `askKms` does, and counts time instead of attempts. */
export function newKmsClient({ region, endpoint, credentials }: KmsPlace): KMSClient {
  const agents = { keepAlive: true, maxSockets: 50 }
  return new KMSClient({
    region,
    maxAttempts: 1,
    // Its lines go to the console and quote what was sent; what matters reaches the vault's own log as the cause of an error.
    logger: silent,
    requestHandler: new NodeHttpHandler({
      httpAgent: new HttpAgent(agents),
      httpsAgent: new HttpsAgent(agents),
      connectionTimeout: 1_000,
      requestTimeout: attemptWithinMs,
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
 * Asks KMS, and again after a random part of a growing pause while it is throttled, fails or is silent, for at most 2.3 s in
 * all. While 3 of 10 requests are throttled that is some fourteen tries: fewer than one call in a million fails.
 *
 * @throws {VaultError} keys.refused - the wrapped key does not open under this key and context
 * @throws {VaultError} keys.unavailable - anything else: no answer, throttled, no right, a key that is disabled
 */
export async function askKms<Answer>(
  call: (options: { abortSignal: AbortSignal }) => Promise<Answer>,
): Promise<Answer> {
  const abortSignal = AbortSignal.timeout(callWithinMs)
  const untilMs = performance.now() + callWithinMs
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    try {
      return await call({ abortSignal })
    } catch (error) {
      const waitMs = Math.random() * pauseMs
      if (!mayRepeat(error) || performance.now() + waitMs > untilMs) throw translated(error)
      await sleep(waitMs)
    }
  }
}

/** No answer, a failure of the service, or a throttle: what another try may end well. */
function mayRepeat(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const status = '$metadata' in error ? (error.$metadata as { httpStatusCode?: number }).httpStatusCode : undefined
  return status === undefined || status >= 500 || status === 429 || throttles.has(error.name)
}

const throttles = new Set(['ThrottlingException', 'TooManyRequestsException', 'RequestLimitExceeded'])

function translated(error: unknown): VaultError {
  const isRefusal = error instanceof Error && never.has(error.name)
  return new VaultError(isRefusal ? 'keys.refused' : 'keys.unavailable', {}, error)
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
