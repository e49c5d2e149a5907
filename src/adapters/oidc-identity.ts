import { type CryptoKey, generateKeyPair, jwtVerify, SignJWT } from 'jose'
import type { Caller } from '../domain/caller.ts'
import { credentialOf, isDenied, tokenLimits } from '../domain/denied-token.ts'
import type { TenantId } from '../domain/ids.ts'
import type { Clock } from '../ports/clock.ts'
import type { Identity } from '../ports/identity.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import { type Login, loginOf, type VerifiedClaims } from './oidc-claims.ts'
import { fetchKeySet } from './oidc-fetch.ts'
import type { OidcIssuer } from './oidc-file.ts'
import { FetchedKeys, givenKeys, type OidcKeys } from './oidc-keys.ts'
import { readUnverifiedToken, type UnverifiedToken } from './oidc-token.ts'

export interface OidcIdentityOptions {
  readonly issuers: readonly OidcIssuer[]
  readonly ledger: Pick<Ledger, 'findDenials'>
  readonly clock: Pick<Clock, 'nowMs'>
  readonly log: Pick<Log, 'warn'>
  /** The most that an issuer may take to tell its keys; 2 s unless told otherwise. */
  readonly fetchWithinMs?: number
}

interface Trusted {
  readonly issuer: OidcIssuer
  readonly keys: OidcKeys
}

/** Looked up in place of a credential that is no login: no tenant, issuer or token has these names. */
const nobody = { tenant: '-' as TenantId, token: { issuer: '-', subject: '-', tokenId: '-' } }

/**
 * Tokens of configured issuers (RFC 7519, as RFC 8725 and RFC 9068 advise). Issuer, audience, algorithms, type and keys are
 * what the operator pinned; nothing of a token says where its key is. The deny list is read on each request. Every credential
 * takes one verified signature and one look-up, whether it is well formed, known, denied or none of these.
 */
export class OidcIdentity implements Identity, AsyncDisposable {
  readonly #options: OidcIdentityOptions
  readonly #trusted: ReadonlyMap<string, Trusted>
  readonly #closing = new AbortController()
  #decoy: Promise<{ readonly text: string; readonly key: CryptoKey }> | undefined

  constructor(options: OidcIdentityOptions) {
    this.#options = options
    this.#trusted = new Map(
      options.issuers.map(issuer => [issuer.issuer, { issuer, keys: this.#keysOf(issuer) }] as const),
    )
  }

  async identify(credential: string, requestId: string): Promise<Caller | undefined> {
    const token = readUnverifiedToken(credential)
    const trusted = token && this.#trusted.get(token.issuer)
    const claims = token && trusted && (await this.#verify(token, trusted))
    const login = claims && loginOf(trusted.issuer, claims)
    const { tenant, token: name } = login ?? nobody
    const denials = await this.#options.ledger.findDenials(tenant, name)
    if (!token || !trusted) await this.#verifyDecoy()
    return login && trusted && !isDenied(denials, login.token) ? callerOf(login, requestId) : undefined
  }

  async issuersOf(tenant: TenantId): Promise<readonly string[]> {
    return this.#options.issuers.filter(({ tenants }) => tenants.includes(tenant)).map(({ issuer }) => issuer)
  }

  /** Ends what is being fetched. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
  }

  /** @returns the claims once signature, issuer, audience, type and times hold */
  async #verify(
    { text, algorithm, keyId }: UnverifiedToken,
    { issuer, keys }: Trusted,
  ): Promise<VerifiedClaims | undefined> {
    const isPinned = (issuer.algorithms as readonly string[]).includes(algorithm)
    const key = isPinned ? await keys.find({ algorithm, keyId }) : undefined
    if (!key) {
      await this.#verifyDecoy()
      return undefined
    }
    return verified(text, key, {
      algorithms: [...issuer.algorithms],
      issuer: issuer.issuer,
      audience: issuer.audience,
      typ: issuer.type,
      requiredClaims: ['sub', 'jti', 'iat', 'exp'],
      maxTokenAge: tokenLimits.maxLifeMs / 1_000,
      clockTolerance: tokenLimits.toleranceMs / 1_000,
      currentDate: new Date(this.#options.clock.nowMs()),
    })
  }

  async #verifyDecoy(): Promise<void> {
    this.#decoy ??= makeDecoy()
    const { text, key } = await this.#decoy
    await verified(text, key, { algorithms: ['ES256'] })
  }

  #keysOf({ keys }: OidcIssuer): OidcKeys {
    if ('set' in keys) return givenKeys(keys.set)
    const { clock, log, fetchWithinMs = 2_000 } = this.#options
    const fetchOnce = () =>
      fetchKeySet(keys.url, AbortSignal.any([this.#closing.signal, AbortSignal.timeout(fetchWithinMs)]))
    return new FetchedKeys(fetchOnce, clock, log)
  }
}

/** Whatever cannot be verified is not: the reasons are many, and none of them is told. */
async function verified(
  text: string,
  key: CryptoKey,
  options: Parameters<typeof jwtVerify>[2],
): Promise<VerifiedClaims | undefined> {
  try {
    return (await jwtVerify(text, key, options)).payload
  } catch {
    return undefined
  }
}

async function makeDecoy(): Promise<{ readonly text: string; readonly key: CryptoKey }> {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const text = await new SignJWT({ iss: '-' }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey)
  return { text, key: publicKey }
}

function callerOf({ kind, person, tenant, roles, token }: Login, requestId: string): Caller {
  return { kind, id: person, tenant, roles, auth: 'oidc', credential: credentialOf(token), requestId }
}
