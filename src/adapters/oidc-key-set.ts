import { z } from 'zod'

/** Asymmetric ones only, so that no public key can ever serve as a secret. */
export const oidcAlgorithms = [
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
  'EdDSA',
  'Ed25519',
] as const
export type OidcAlgorithm = (typeof oidcAlgorithms)[number]

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']
const mostKeys = 100

const anyKey = z.record(z.string(), z.unknown())
const publicKey = z
  .looseObject({ kty: z.enum(['EC', 'RSA', 'OKP']) })
  .refine(key => !privateMembers.some(name => Object.hasOwn(key, name)), 'holds a private key')

export type PublicKey = z.output<typeof publicKey>
/** A JWK set (RFC 7517) of public keys. */
export interface PublicKeySet {
  readonly keys: readonly PublicKey[]
}

/** A set that an operator wrote: every key of it must be one. */
export const givenKeySet = z.looseObject({ keys: z.array(publicKey).min(1).max(mostKeys) })

/**
 * A set that an issuer published. Kinds of keys that are not understood are passed over (RFC 7517, 5), and so is a private key:
 * what everybody can sign with proves nothing.
 *
 * @returns undefined when it is no key set
 */
export function publishedKeySet(json: unknown): PublicKeySet | undefined {
  const set = z.looseObject({ keys: z.array(anyKey).max(mostKeys) }).safeParse(json)
  if (!set.success) return undefined
  return { keys: set.data.keys.flatMap(key => publicKey.safeParse(key).data ?? []) }
}
