import { tokenLimits } from '../domain/denied-token.ts'
import { VaultError } from '../domain/errors.ts'
import { parseStrictJson } from '../domain/strict-json.ts'

/** What a token says of itself before anything of it is proved: good for choosing whom to ask, and for nothing else. */
export interface UnverifiedToken {
  readonly text: string
  readonly algorithm: string
  /** Names a key among those of the configured issuer; never a path or an address. */
  readonly keyId: string | undefined
  readonly issuer: string
}

const compact = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/
const keyIdPattern = /^[\x21-\x7e]{1,256}$/
const deepest = 8
/** Headers by which a token would bring its own key, or demand a reading of it that the vault does not have (RFC 7515, 4.1). */
const refusedHeaders = ['jwk', 'jku', 'x5c', 'x5u', 'crit', 'b64', 'zip']

/**
 * Reads a signed token in its compact form (RFC 7515, 7.1) by one reading only: base64url exactly as it would be written, JSON
 * without a repeated member.
 *
 * @returns undefined for anything else
 */
export function readUnverifiedToken(text: string): UnverifiedToken | undefined {
  const parts = text.length <= tokenLimits.maxCharacters ? compact.exec(text) : null
  if (!parts) return undefined
  const [header, payload, signature] = parts.slice(1).map(bytesOf)
  if (!header || !payload || !signature) return undefined
  const said = recordIn(header)
  const claims = recordIn(payload)
  if (!said || !claims || refusedHeaders.some(name => Object.hasOwn(said, name))) return undefined
  const { alg: algorithm, kid: keyId } = said
  const { iss: issuer } = claims
  if (typeof algorithm !== 'string' || typeof issuer !== 'string') return undefined
  if (keyId !== undefined && !(typeof keyId === 'string' && keyIdPattern.test(keyId))) return undefined
  return { text, algorithm, keyId, issuer }
}

/** Unused bits at the end may be anything to a lenient reader, and make many texts of one token. */
function bytesOf(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url')
  return bytes.toString('base64url') === part ? bytes : undefined
}

function recordIn(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = parseStrictJson(bytes, deepest)
    return isRecord(value) ? value : undefined
  } catch (error) {
    if (error instanceof VaultError) return undefined
    throw error
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
