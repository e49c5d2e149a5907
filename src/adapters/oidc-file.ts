import { readFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { z } from 'zod'
import { tokenPatterns } from '../domain/denied-token.ts'
import { VaultError } from '../domain/errors.ts'
import { idPatterns, type PersonId, type TenantId } from '../domain/ids.ts'
import { type Role, roles } from '../domain/role.ts'
import { parseStrictJson, reservedNames } from '../domain/strict-json.ts'
import { givenKeySet, type OidcAlgorithm, oidcAlgorithms, type PublicKeySet } from './oidc-key-set.ts'

/** One issuer, and what its tokens are worth here. */
export interface OidcIssuer {
  /** Stands in the ids of its persons. */
  readonly name: string
  /** As the `iss` claim says it, character by character. */
  readonly issuer: string
  readonly audience: string
  readonly algorithms: readonly OidcAlgorithm[]
  readonly type: 'at+jwt' | 'JWT'
  readonly keys: { readonly url: URL } | { readonly set: PublicKeySet }
  readonly tenants: readonly TenantId[]
  /** Paths of claims, from the outermost member to the innermost. */
  readonly claims: { readonly roles: readonly string[]; readonly tenant?: readonly string[] }
  /** By the value that the token carries. */
  readonly roles: ReadonlyMap<string, Role>
  /** By `sub`: logins of people whom the vault knows by another id already. */
  readonly persons: ReadonlyMap<string, PersonId>
  /** Each a `sub` that is no human. */
  readonly services: ReadonlySet<string>
}

type KnownTenants = Pick<ReadonlySet<TenantId>, 'has'>
type Problem = { readonly field: string; readonly message: string }

const printable = z.string().regex(tokenPatterns.issuer, 'must be 1 to 256 printable characters without blanks')
const claimName = z.string().min(1).max(128)
const claim = z
  .union([claimName, z.array(claimName).min(1).max(5)], 'must be the name of a claim, or the path to a nested one')
  .transform(path => (typeof path === 'string' ? [path] : path))
const subject = z.string().regex(tokenPatterns.subject, 'must be 1 to 64 of A-Z a-z 0-9 . _ : | -')

const issuerSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9-]{1,12}$/, 'must be 1 to 12 of a-z 0-9 -'),
  issuer: printable.refine(isSafeAddress, addressRule()).refine(value => !value.includes('?'), 'must have no query'),
  audience: printable,
  algorithms: z.array(z.enum(oidcAlgorithms)).min(1).refine(isWithoutRepeats, 'names one thing twice'),
  type: z.enum(['at+jwt', 'JWT']),
  keys: z.strictObject({
    url: printable.refine(isSafeAddress, addressRule()).optional(),
    file: z.string().min(1).optional(),
    set: givenKeySet.optional(),
  }),
  tenants: z.array(z.string().regex(idPatterns.tenant)).min(1).refine(isWithoutRepeats, 'names one thing twice'),
  claims: z.strictObject({ roles: claim, tenant: claim.optional() }),
  roles: z.record(z.string().min(1).max(128), z.enum(roles).exclude(['system'])),
  persons: z.record(subject, z.string().regex(idPatterns.person)).default({}),
  services: z.array(subject).default([]),
})
type Written = z.output<typeof issuerSchema>

const fileSchema = z.strictObject({ issuers: z.array(issuerSchema).min(1).max(100) })
const deepest = 20

/**
 * Reads the issuers whose tokens count, and the files that it names.
 *
 * @param tenants those that are configured: an issuer is bound to some of them
 * @throws {VaultError} config.invalid - with every problem, each named `<file>: <path>`
 */
export async function loadOidcIssuers(path: string, tenants: KnownTenants): Promise<readonly OidcIssuer[]> {
  const file = basename(path)
  const json = await readJson(path, file)
  const reserved = reservedNames(json).map(at => ({ field: `${file}: ${at}`, message: 'is no name for a member' }))
  const parsed = fileSchema.safeParse(json, { reportInput: false })
  const issues = parsed.error?.issues ?? []
  if (!parsed.success || reserved.length > 0)
    throw invalid([...reserved, ...issues.map(issue => problemOf(file, issue))])
  const { issuers } = parsed.data
  const problems = contradictionsOf(issuers, tenants)
  if (problems.length > 0)
    throw invalid(problems.map(({ field, message }) => ({ field: `${file}: ${field}`, message })))
  return Promise.all(issuers.map((issuer, n) => complete(issuer, dirname(path), `${file}: issuers.${n}.keys.file`)))
}

/** Rules between members. */
function contradictionsOf(issuers: readonly Written[], tenants: KnownTenants): readonly Problem[] {
  return issuers.flatMap((issuer, n) => {
    const at = `issuers.${n}`
    const before = issuers.slice(0, n)
    const { url, file, set } = issuer.keys
    return [
      ...(before.some(({ name }) => name === issuer.name) ? [{ field: `${at}.name`, message: 'stands twice' }] : []),
      ...(before.some(other => other.issuer === issuer.issuer)
        ? [{ field: `${at}.issuer`, message: 'stands twice' }]
        : []),
      ...([url, file, set].filter(given => given !== undefined).length === 1
        ? []
        : [{ field: `${at}.keys`, message: 'must name one of url, file and set' }]),
      ...issuer.tenants.flatMap((tenant, place) =>
        tenants.has(tenant as TenantId)
          ? []
          : [{ field: `${at}.tenants.${place}`, message: 'is no tenant of this vault' }],
      ),
      ...(issuer.tenants.length > 1 && issuer.claims.tenant === undefined
        ? [{ field: `${at}.claims.tenant`, message: 'must name the claim that tells one tenant from another' }]
        : []),
      ...(Object.keys(issuer.roles).length === 0 ? [{ field: `${at}.roles`, message: 'must name a role' }] : []),
    ]
  })
}

async function complete(written: Written, folder: string, keysField: string): Promise<OidcIssuer> {
  const { name, issuer, audience, algorithms, type, keys, tenants, claims } = written
  return Object.freeze({
    name,
    issuer,
    audience,
    algorithms,
    type,
    keys: await keysOf(keys, folder, keysField),
    tenants: tenants as readonly string[] as readonly TenantId[],
    claims: { roles: claims.roles, ...(claims.tenant ? { tenant: claims.tenant } : {}) },
    roles: new Map(Object.entries(written.roles)),
    persons: new Map(Object.entries(written.persons).map(([sub, person]) => [sub, person as PersonId])),
    services: new Set(written.services),
  })
}

async function keysOf({ url, file, set }: Written['keys'], folder: string, field: string): Promise<OidcIssuer['keys']> {
  if (url !== undefined) return { url: new URL(url) }
  if (file === undefined) return { set: set ?? { keys: [] } }
  const parsed = givenKeySet.safeParse(await readJson(resolve(folder, file), field), { reportInput: false })
  if (parsed.success) return { set: parsed.data }
  throw invalid(parsed.error.issues.map(issue => problemOf(field, issue)))
}

async function readJson(path: string, field: string): Promise<unknown> {
  try {
    return parseStrictJson(await readFile(path), deepest)
  } catch (error) {
    const message = error instanceof VaultError ? 'is not JSON, or names one member twice' : 'cannot be read'
    throw new VaultError('config.invalid', { problems: [{ field, message }] }, error)
  }
}

function problemOf(file: string, issue: z.core.$ZodIssue): Problem {
  const unknown = issue.code === 'unrecognized_keys' ? ` (${issue.keys.join(', ')})` : ''
  return { field: `${file}: ${issue.path.map(String).join('.') || 'top level'}`, message: `${issue.message}${unknown}` }
}

const invalid = (problems: readonly Problem[]): VaultError => new VaultError('config.invalid', { problems })

function addressRule(): string {
  return 'must be an https:// address, or http:// on loopback, without a user or a fragment'
}

/** Only TLS, but for a server on this very machine: whoever can change the keys on their way can be anybody. */
function isSafeAddress(value: string): boolean {
  if (!URL.canParse(value)) return false
  const { protocol, hostname, username, password } = new URL(value)
  if (username !== '' || password !== '' || value.includes('#')) return false
  return protocol === 'https:' || (protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(hostname))
}

function isWithoutRepeats(list: readonly string[]): boolean {
  return new Set(list).size === list.length
}
