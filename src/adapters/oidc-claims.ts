import type { Caller } from '../domain/caller.ts'
import { type TokenName, tokenLimits, tokenPatterns } from '../domain/denied-token.ts'
import { type PersonId, parsePersonId, type TenantId } from '../domain/ids.ts'
import { loginPersonText } from '../domain/person.ts'
import type { Role } from '../domain/role.ts'
import type { OidcIssuer } from './oidc-file.ts'

/** Claims whose signature, issuer, audience, type and times hold. */
export type VerifiedClaims = Readonly<Record<string, unknown>>

/** Who a token makes its bearer, before the deny list is asked. */
export interface Login {
  readonly kind: Caller['kind']
  readonly person: PersonId
  readonly tenant: TenantId
  readonly roles: readonly Role[]
  readonly token: TokenName
}

/** @returns undefined for a token that lives too long, or names no person or no tenant of this issuer */
export function loginOf(issuer: OidcIssuer, claims: VerifiedClaims): Login | undefined {
  const { sub, jti, iat, exp, azp, client_id: clientId } = claims
  if (!isText(sub) || !tokenPatterns.subject.test(sub) || !isText(jti) || !tokenPatterns.tokenId.test(jti))
    return undefined
  if (typeof iat !== 'number' || typeof exp !== 'number') return undefined
  const lifeMs = (exp - iat) * 1_000
  if (!(lifeMs > 0 && lifeMs <= tokenLimits.maxLifeMs)) return undefined
  const person = issuer.persons.get(sub) ?? parsePersonId(loginPersonText(issuer.name, sub))
  const tenant = tenantOf(issuer, claims)
  if (!person || !tenant) return undefined
  const isService = issuer.services.has(sub) || clientId === sub || azp === sub
  return {
    kind: isService ? 'service' : 'person',
    person,
    tenant,
    roles: rolesOf(issuer, claims),
    token: { issuer: issuer.issuer, subject: sub, tokenId: jti, issuedAtMs: iat * 1_000 },
  }
}

/** An issuer of several tenants, or one with a claim configured, says which; it must be one that it is bound to. */
function tenantOf({ tenants, claims: { tenant: path } }: OidcIssuer, claims: VerifiedClaims): TenantId | undefined {
  if (path === undefined) return tenants.length === 1 ? tenants[0] : undefined
  const named = claimAt(claims, path)
  return tenants.find(tenant => tenant === named)
}

/** In the order of the token, each once; what the table does not name is nothing. */
function rolesOf({ roles, claims: { roles: path } }: OidcIssuer, claims: VerifiedClaims): readonly Role[] {
  const carried = claimAt(claims, path)
  const values = Array.isArray(carried) ? carried : [carried]
  return [...new Set(values.flatMap(value => (isText(value) ? (roles.get(value) ?? []) : [])))]
}

function claimAt(claims: VerifiedClaims, path: readonly string[]): unknown {
  let value: unknown = claims
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name))
      return undefined
    value = (value as Readonly<Record<string, unknown>>)[name]
  }
  return value
}

const isText = (value: unknown): value is string => typeof value === 'string'
