import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { VaultError } from '../domain/errors.ts'
import { idPatterns, parseTenantId, type TenantId } from '../domain/ids.ts'
import { paperTypes } from '../domain/media.ts'
import { roles } from '../domain/role.ts'
import { maxTier } from '../domain/subject.ts'
import type { Tenant } from '../domain/tenant.ts'

const word = z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/)
const words = z.array(word).min(1).refine(isWithoutRepeats, 'names one thing twice')
const promise = z.string().min(1).max(300)
const paperType = z.enum(paperTypes)
const tenantRole = z.enum(roles).exclude(['system'])

const tenantSchema = z.strictObject({
  id: z.string().regex(idPatterns.tenant),
  version: z.int().min(1),
  name: z.string().min(1).max(64),
  zone: z.string().refine(isZone, 'is no IANA time zone'),
  papers: z.partialRecord(paperType, z.strictObject({ kinds: words, minTier: z.int().min(0).max(maxTier) })),
  refused: z.partialRecord(paperType, promise),
  purposes: words,
  roles: z.array(tenantRole).min(1).refine(isWithoutRepeats, 'names one thing twice'),
  support: z.strictObject({ rendition: z.enum(['none', 'masked']) }),
  sources: z.strictObject({
    papers: promise,
    refused: promise,
    purposes: promise,
    zone: promise,
    support: promise,
  }),
})

type Problem = { readonly field: string; readonly message: string }
type Loaded = { readonly tenant: Tenant } | { readonly problems: readonly Problem[] }

/**
 * Reads every `<id>.json` of a folder, in the order of ids.
 *
 * @throws {VaultError} config.invalid - with every problem of every file, each named `<file>: <path>`; or no file at all
 */
export async function loadTenants(folder: string): Promise<ReadonlyMap<TenantId, Tenant>> {
  const names = await namesIn(folder)
  const loaded = await Promise.all(names.map(name => load(folder, name)))
  const problems = loaded.flatMap(one => ('problems' in one ? one.problems : []))
  if (names.length === 0) problems.push({ field: 'VAULT_TENANTS_DIR', message: 'holds no tenant' })
  if (problems.length > 0) throw new VaultError('config.invalid', { problems })
  return new Map(loaded.flatMap(one => ('tenant' in one ? [[one.tenant.id, one.tenant] as const] : [])))
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).filter(name => name.endsWith('.json')).sort()
  } catch (error) {
    const problems = [{ field: 'VAULT_TENANTS_DIR', message: 'cannot be read' }]
    throw new VaultError('config.invalid', { problems }, error)
  }
}

async function load(folder: string, name: string): Promise<Loaded> {
  let json: unknown
  try {
    json = JSON.parse(await readFile(join(folder, name), 'utf8'))
  } catch (error) {
    const message = error instanceof SyntaxError ? 'is not JSON' : 'cannot be read'
    return { problems: [{ field: name, message }] }
  }
  const parsed = tenantSchema.safeParse(json)
  if (!parsed.success) return { problems: parsed.error.issues.map(issue => problemOf(name, issue)) }
  const problems = contradictionsOf(parsed.data, basename(name, '.json'))
  const id = parseTenantId(parsed.data.id)
  if (!id || problems.length > 0)
    return { problems: problems.map(problem => ({ ...problem, field: `${name}: ${problem.field}` })) }
  const { version, name: shown, zone, papers, refused, purposes, roles, support } = parsed.data
  return {
    tenant: Object.freeze({
      id,
      version,
      name: shown,
      zone,
      papers: new Map(paperTypes.flatMap(type => (papers[type] ? [[type, papers[type]] as const] : []))),
      refused: new Map(paperTypes.flatMap(type => (refused[type] ? [[type, refused[type]] as const] : []))),
      purposes,
      roles,
      support,
    }),
  }
}

/** Rules between members: each paper is either taken or refused with its promise, and the name is the file's. */
function contradictionsOf(policy: z.output<typeof tenantSchema>, fileName: string): readonly Problem[] {
  const problems: Problem[] = []
  if (policy.id !== fileName) problems.push({ field: 'id', message: 'must be the name of the file' })
  for (const type of paperTypes) {
    const taken = policy.papers[type] !== undefined
    const refused = policy.refused[type] !== undefined
    if (taken && refused) problems.push({ field: `refused.${type}`, message: 'is both taken and refused' })
    if (!taken && !refused) problems.push({ field: `refused.${type}`, message: 'is neither taken nor refused' })
  }
  return problems
}

function problemOf(file: string, issue: z.core.$ZodIssue): Problem {
  const at = issue.path.map(String)
  const unknown = issue.code === 'unrecognized_keys' ? ` (${issue.keys.join(', ')})` : ''
  return { field: `${file}: ${at.join('.') || 'top level'}`, message: `${issue.message}${unknown}` }
}

function isWithoutRepeats(list: readonly string[]): boolean {
  return new Set(list).size === list.length
}

/** Asked of Temporal: the first date formatter of a process loads a library for 12 ms. */
function isZone(zone: string): boolean {
  try {
    return new Temporal.ZonedDateTime(0n, zone).timeZoneId !== ''
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}
