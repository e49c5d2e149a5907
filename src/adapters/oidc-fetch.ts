import { VaultError } from '../domain/errors.ts'
import { parseStrictJson } from '../domain/strict-json.ts'
import { type PublicKeySet, publishedKeySet } from './oidc-key-set.ts'

const maxBytes = 128 * 1024
const deepest = 8

/**
 * Asks the configured address for the issuer's keys, once. A redirect is no answer: the keys come from where the operator said
 * they do.
 *
 * @throws {VaultError} issuer.unavailable - no answer in time, another status, more than 128 KiB, or no key set
 */
export async function fetchKeySet(url: URL, signal: AbortSignal): Promise<PublicKeySet> {
  let set: PublicKeySet | undefined
  try {
    const headers = { Accept: 'application/jwk-set+json, application/json', 'Accept-Encoding': 'identity' }
    const response = await fetch(url, { headers, redirect: 'manual', signal, credentials: 'omit' })
    const bytes = response.status === 200 ? await boundedBody(response) : undefined
    if (!bytes) await response.body?.cancel()
    set = bytes && publishedKeySet(parseStrictJson(bytes, deepest))
  } catch (error) {
    throw new VaultError('issuer.unavailable', {}, reasonOf(error))
  }
  if (!set) throw new VaultError('issuer.unavailable')
  return set
}

/** `fetch` says of every failure that it failed; what failed is below it. */
function reasonOf(error: unknown): unknown {
  return error instanceof TypeError && error.cause instanceof Error ? error.cause : error
}

/** undefined as soon as there is more than a key set needs; the rest is not read. */
async function boundedBody({ body }: Response): Promise<Uint8Array | undefined> {
  if (!body) return undefined
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > maxBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
